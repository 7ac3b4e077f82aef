/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - the invariants of batches; those of brokers and workers are where these are.
 */
#include "tests/sim/check.h"

#include "broker/dispatch.h"
#include "tests/sim/node_client.h"
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdlib.h>

enum { LINES_SHOWN = 400 };

void check_report(struct world *world, const char *sentence)
{
    if (world->reported)
        return;
    world->reported = true;
    fflush(stdout);
    trace_print(world->trace, stderr, LINES_SHOWN);
    setup_print(world->setup, stderr);
    fprintf(stderr, "seed %" PRIu64 " failed at %.6f s: %s\n", world->setup->seed,
            (double)world_now_us(world) / 1e6, sentence);
}

void check_fail(struct world *world, const char *sentence)
{
    check_report(world, sentence);
    abort();
}

static uint32_t count_bits(uint64_t bits)
{
    uint32_t count = 0;
    for (; bits != 0; bits &= bits - 1)
        count++;
    return count;
}

/* One broker, and of each worker that dies of poison it knows what it held: nobody is
 * buried for others, whatever was heard of its last words. */
static bool knows_its_dead(const struct setup *setup)
{
    return setup->brokers == 1 && setup->threads == 1 &&
           (setup->mute > 0 || setup_is_peaceful(setup));
}

/* Deaths and mishaps that it may have been charged. */
static uint32_t part_in(const struct batch *batch)
{
    return batch->deaths + batch->mishaps + batch->flying;
}

/* Each worker that died, stood still or was cut off with the batch in its hands may have
 * been charged to it. Where messages are lost a broker may know no better. */
static void check_burial(struct world *world, const struct batch *batch,
                         uint32_t attempts)
{
    uint32_t limit = world->setup->attempts_max;
    check_that(world, attempts >= limit, "buried before the last attempt");
    if (setup_is_orderly(world->setup))
        check_that(world, part_in(batch) + batch->spared >= limit,
                   "buried though it cost no three workers");
    if (knows_its_dead(world->setup))
        check_that(world, batch->poison, "an innocent batch is buried");
}

void check_settled(struct world *world, const struct batch *batch,
                   const struct answer *answer, uint32_t attempts)
{
    check_that(world, !batch->what_if && !batch->describe, "settled, though not counted");
    check_that(world, batch->settled.outcome == OUTCOME_NONE, "settled a second time");
    check_that(world, batch->counted <= 1, "counted a second time");
    check_that(world, answer->period == batch->period, "settled in another period");
    if (answer->outcome == OUTCOME_DEAD)
        check_burial(world, batch, attempts);
    else
        check_that(world, (answer->outcome == OUTCOME_INVALID) == batch->invalid,
                   "settled with an outcome that is not the batch's");
    if (answer->outcome == OUTCOME_COUNTED)
        check_that(world, !batch->poison, "poison was scored");
}

static bool is_same(const struct answer *a, const struct answer *b)
{
    return a->outcome == b->outcome && a->version == b->version && a->period == b->period;
}

static void check_uncounted(struct world *world, const struct batch *batch,
                            const struct answer *answer)
{
    bool fits = answer->outcome == OUTCOME_REFUSED ||
                (answer->outcome == OUTCOME_EXPIRED && batch->deadline_ms != 0) ||
                (batch->describe  ? answer->outcome == OUTCOME_DESCRIBED
                 : batch->invalid ? answer->outcome == OUTCOME_INVALID
                                  : answer->outcome == OUTCOME_SCORED);
    check_that(world, fits, "an answer that does not belong to such a request");
}

void check_answer(struct world *world, const struct batch *batch,
                  const struct answer *answer, bool open)
{
    if (batch->what_if || batch->describe) {
        check_uncounted(world, batch, answer);
        return;
    }
    if (answer->outcome == OUTCOME_ACKNOWLEDGED) {
        check_that(world, !open, "acknowledged, though its client has no answer");
        return;
    }
    check_that(world, answer->outcome != OUTCOME_REFUSED,
               "a batch that counts is refused");
    check_that(world, is_same(answer, &batch->settled),
               "the answer is not the settlement");
}

/* Where poison alone kills, a batch that is none pays for it once, with each broker that
 * it was sent to: then it is scored alone. */
static void check_innocent(struct world *world, const struct batch *batch,
                           uint32_t attempts)
{
    check_that(world, batch->shared > 0, "an innocent batch was charged");
    check_that(world, attempts <= count_bits(batch->asked),
               "an innocent batch was charged again");
}

/* Where it dies alone, what it was only suspected of is charged at once. */
void check_charge(struct world *world, const struct batch *batch, uint32_t attempts)
{
    const struct setup *setup = world->setup;
    bool at_once = attempts > batch->charges + 1;
    check_that(world, attempts > 0 && attempts <= setup->attempts_max,
               "more attempts than there are");
    check_that(world, !setup_is_flapping(setup), "a broken connection was charged");
    if (setup_is_peaceful(setup) && setup->threads == 1 && !batch->poison)
        check_innocent(world, batch, attempts);
    if (setup_is_orderly(setup))
        check_that(world, attempts <= part_in(batch) + (at_once ? batch->spared : 0),
                   "a batch was charged for what it had no part in");
}

/* One broker counts exactly; each further one that the batch was sent to may have begun
 * before it heard of the attempts of the others. */
void check_death(struct world *world, const struct batch *batch)
{
    const struct setup *setup = world->setup;
    uint32_t brokers = count_bits(batch->asked), attempts = setup->attempts_max;
    if (setup->mute > 0 && setup->brokers > 1)
        attempts = 1 + DISPATCH_EXCUSES * attempts;
    if (setup_is_peaceful(setup) || setup->mute > 0)
        check_that(world, batch->deaths <= attempts * brokers + batch->spare,
                   "poison took down more than three workers");
}

static void check_batch_end(struct world *world, const struct batch *batch)
{
    enum outcome told = batch->told.outcome;
    check_that(world, told != OUTCOME_NONE, "a client never learned the outcome");
    if (batch->what_if)
        return;
    check_that(world, is_same(&batch->told, &batch->settled),
               "a client was told another outcome than the settlement");
    check_that(world, batch->counted == (told == OUTCOME_COUNTED), "not counted once");
}

void check_end(struct world *world)
{
    for (uint32_t i = 0; i < world->setup->clients; i++)
        for (uint64_t j = 1; j <= world->setup->batches; j++)
            check_batch_end(world, world_batch(world, i, j));
    for (uint32_t i = 0; i < world->setup->clients; i++)
        client_check_end(world, &world->clients[i]);
    store_model_check(world, world->store);
}
