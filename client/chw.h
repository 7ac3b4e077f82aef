/* SPDX-License-Identifier: Apache-2.0 */
/* chw.h - libchw: score batches of records on a CHW Score cluster.
 *
 *      open -> describe -> [batch -> submit]... -> [wait -> result]... -> close
 *
 * Asynchronous: chw_submit() never waits for a broker, up to `window` batches are in
 * flight, and results arrive by chw_wait() in any order. The library starts no thread
 * besides libzmq's; sockets are served inside chw_submit() and chw_wait(), so call
 * chw_wait() while anything is outstanding. A client belongs to one thread; batches and
 * results to whoever holds them.
 *
 * There may be several brokers: each batch goes to one that answers and has little to
 * do. A batch ends once. It is sent again, under the same key and to whichever broker is
 * there, after a loss, a full queue or a broker's end; it is counted once whatever
 * happens, and answered once. With a journal this outlives
 * the process: open the same journal, submit the same batches in the same order, and
 * those that were answered before are answered from the journal without being sent.
 *
 * With a spool the batches outlive the process, too: each is on the disk before it is
 * sent, whether or not there is a broker, and goes from there when its answer is.
 *
 * Only what is put into a batch travels. Never put a patient's identity into one.
 *
 * docs/libchw.md has a complete program. */

#ifndef CHW_H
#define CHW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CHW_API __attribute__((visibility("default")))
#define CHW_CHECK __attribute__((warn_unused_result))
#else
#define CHW_API
#define CHW_CHECK
#endif

enum chw_status {
    CHW_OK,
    CHW_TIMEOUT,     /* nothing yet (or a signal came): call again */
    CHW_IDLE,        /* nothing is outstanding: there is nothing to wait for */
    CHW_FULL,        /* the window, or a batch, is full: nothing changed */
    CHW_INVALID,     /* an argument is not allowed here */
    CHW_NOT_FOUND,   /* no such model, alias, program or answer */
    CHW_TAKEN,       /* the journal is open in another process */
    CHW_CORRUPT,     /* the journal or the spool is damaged, or of another job */
    CHW_UNAVAILABLE, /* the cluster cannot answer now */
    CHW_IO,          /* a file or socket operation failed: close and open again */
    CHW_NOMEM,
};

CHW_API const char *chw_status_text(enum chw_status status);
CHW_API const char *chw_version(void);

/* A sentence for people, from the functions that take it; may be NULL. */
struct chw_error {
    char text[512];
};

/* ---- the client ---- */

struct chw_client;

enum chw_notice {
    CHW_NOTICE_SILENT,    /* no broker has answered for several seconds; said once */
    CHW_NOTICE_BACK,      /* one answers again */
    CHW_NOTICE_RESTARTED, /* another broker at this address: what it had is sent again */
    CHW_NOTICE_DRAINING,  /* a broker is going away: it gets no more batches */
    CHW_NOTICE_REFUSED,   /* a broker or we could not use a message; the text says why */
    CHW_NOTICE_EXPIRED,   /* of a batch that counts: it is tried again */
};

enum chw_priority {
    CHW_BULK,        /* much, and nobody waits for any one of it */
    CHW_INTERACTIVE, /* somebody waits: goes before what is bulk, within bounds */
};

struct chw_options {
    size_t struct_size; /* sizeof(struct chw_options) */
    /* Where the brokers are: "ipc://PATH" or "tcp://HOST:PORT", several separated by
     * commas. A host's name stands for all of its addresses, which are looked up again
     * every few seconds: those that come are used, those that go are left. */
    const char *endpoint;
    bool insecure;       /* allow a TCP host that is not loopback */
    bool what_if;        /* score only: nothing is settled or counted */
    const char *journal; /* file made where there is none; NULL: answers are not kept */
    const uint8_t *job;  /* 32 bytes that say which job the journal belongs to; NULL: 0 */
    uint32_t window;     /* batches in flight or not yet taken, 1 to 1024; 0: 64 */
    void (*notice)(void *arg, enum chw_notice notice, const char *text); /* may be NULL */
    void *notice_arg;
    /* A program built when there was nothing below has these 0. */
    /* How long a batch may wait for a worker; 0: for ever. A what-if that takes longer,
     * from chw_submit() on and whatever the reason, ends as CHW_EXPIRED. A batch that
     * counts is never given up: it has so long from each time a broker gets it, is tried
     * again later, at ever longer intervals, and a notice tells. So a deadline keeps such
     * batches out of long queues, and no more. */
    uint32_t deadline_ms;
    enum chw_priority priority; /* of all batches of this client */
    /* A folder of one job, made where there is none, with a journal in it (`journal` is
     * NULL); not with `what_if`. chw_submit() succeeds when the batch is durable there,
     * however many wait; `window` of them are in flight. It is removed when its answer is
     * durable. Opened again, the folder's batches are sent at once under the same keys,
     * and chw_wait() gives their answers. Whoever goes on submits the same batches in the
     * same order, from the first: what is answered, or there, is not put there again. */
    const char *spool;
    uint64_t spool_bytes; /* that its batches may take on the disk; 0: 1 GiB */
};

/* Does not wait for the broker: it may come later. CHW_INVALID, CHW_TAKEN, CHW_CORRUPT,
 * CHW_IO: `error` says what and where. */
CHW_API CHW_CHECK enum chw_status chw_open(const struct chw_options *options,
                                           struct chw_client **client,
                                           struct chw_error *error);

/* What is outstanding is given up here, not in the cluster. NULL is fine. */
CHW_API void chw_close(struct chw_client *client);

/* Why the last call on this client failed. */
CHW_API const char *chw_last_error(const struct chw_client *client);

/* Submitted, or in the spool, and not yet returned by chw_wait(). */
CHW_API uint32_t chw_outstanding(const struct chw_client *client);

/* Answers in the journal. */
CHW_API uint64_t chw_answered(const struct chw_client *client);

/* ---- what the models read ---- */

struct chw_model {
    const char *name;  /* "chd" */
    const char *alias; /* "champion" */
};

struct chw_description;

/* Ask what `models` read (0 of them: every target of the program). Waits up to
 * timeout_ms; CHW_TIMEOUT: call again with the same models to go on waiting.
 * CHW_NOT_FOUND: there is no such model, alias or program; chw_last_error() says which.
 */
CHW_API CHW_CHECK enum chw_status chw_describe(struct chw_client *client,
                                               const struct chw_model *models,
                                               size_t model_count, uint32_t timeout_ms,
                                               struct chw_description **description);
CHW_API void chw_description_free(struct chw_description *description);

CHW_API size_t chw_description_count(const struct chw_description *description);
CHW_API const char *chw_description_name(const struct chw_description *description,
                                         size_t feature);
/* True: numbers; false: categories. */
CHW_API bool chw_description_is_number(const struct chw_description *description,
                                       size_t feature);
/* True: a batch without this column cannot be scored. */
CHW_API bool chw_description_is_required(const struct chw_description *description,
                                         size_t feature);

/* ---- a batch: records of one region, as columns ---- */

struct chw_batch;

enum chw_column { CHW_NUMBER, CHW_CATEGORY };

enum {
    CHW_REGION_MAX = 63,      /* bytes */
    CHW_TARGET_MAX = 63,      /* bytes */
    CHW_NAME_MAX = 255,       /* bytes of a column's or a category's name */
    CHW_ROWS_MAX = 65536,     /* of a batch */
    CHW_COLUMNS_MAX = 4096,   /* of a batch */
    CHW_CATEGORIES_MAX = 256, /* distinct names in one column of one batch */
    CHW_FACTORS_MAX = 16      /* of a record's score */
};

/* `region`: 1 to 63 bytes without control bytes. `as_of`: the day the records belong to,
 * in days since 1970-01-01, UTC; at most one day ahead of today. NULL: not allowed, or
 * out of memory. */
CHW_API struct chw_batch *chw_batch_new(const char *region, int32_t as_of);
CHW_API void chw_batch_free(struct chw_batch *batch);

/* Score with this model too; none: every target of the program. */
CHW_API CHW_CHECK enum chw_status chw_batch_model(struct chw_batch *batch,
                                                  const struct chw_model *model);

/* Ask what contributed most to each score: so many factors per record and target, 1 to
 * CHW_FACTORS_MAX; 0: none, as if never called. Explaining takes many times as long as
 * scoring. CHW_INVALID: more. */
CHW_API CHW_CHECK enum chw_status chw_batch_explain(struct chw_batch *batch,
                                                    uint32_t factors);

/* A further column; those before it count from 0. CHW_INVALID: the name is taken, empty
 * or too long, or a row has been added. */
CHW_API CHW_CHECK enum chw_status chw_batch_column(struct chw_batch *batch,
                                                   const char *name, enum chw_column type,
                                                   size_t *column);

/* Fill the cells of the row being built, then end it. A cell that is not filled is
 * missing, and so is NaN. CHW_FULL: a 257th category name; end this batch before the row
 * and begin another. */
CHW_API CHW_CHECK enum chw_status chw_batch_number(struct chw_batch *batch, size_t column,
                                                   float value);
CHW_API CHW_CHECK enum chw_status chw_batch_category(struct chw_batch *batch,
                                                     size_t column, const char *name);
/* The source held something that the column cannot carry ("abc" in a number): the record
 * is invalid where a model needs the value; its neighbours are not touched. */
CHW_API CHW_CHECK enum chw_status chw_batch_unreadable(struct chw_batch *batch,
                                                       size_t column);
CHW_API CHW_CHECK enum chw_status chw_batch_end_row(struct chw_batch *batch);

/* Whole columns: `rows` values, as many in each column; NaN or NULL is missing. Into a
 * batch that has no rows, or as many. */
CHW_API CHW_CHECK enum chw_status chw_batch_numbers(struct chw_batch *batch,
                                                    size_t column, const float *values,
                                                    size_t rows);
CHW_API CHW_CHECK enum chw_status chw_batch_categories(struct chw_batch *batch,
                                                       size_t column,
                                                       const char *const *names,
                                                       size_t rows);

CHW_API size_t chw_batch_rows(const struct chw_batch *batch);

/* ---- submit and wait ---- */

/* Give the batch the next sequence number, from 1, and send it when the broker is there.
 * The batch may be freed afterwards. CHW_FULL: take results first, or (with a spool) wait
 * for answers to make room on the disk. CHW_INVALID: no rows, too large, or the journal
 * answered, or the spool keeps, another batch under this number. CHW_IO: the spool cannot
 * be written; what it kept before, it keeps. */
CHW_API CHW_CHECK enum chw_status
chw_submit(struct chw_client *client, const struct chw_batch *batch, uint64_t *sequence);

struct chw_result;

/* The next finished batch, in any order; the caller frees it. With a journal it is on the
 * disk by now. CHW_TIMEOUT, CHW_IDLE, CHW_IO. With a spool, CHW_CORRUPT: the file of a
 * batch is damaged, or gone and those behind it wait until it is submitted again;
 * chw_last_error() says which, and what to do. */
CHW_API CHW_CHECK enum chw_status chw_wait(struct chw_client *client, uint32_t timeout_ms,
                                           struct chw_result **result);

/* An answer from the journal. CHW_NOT_FOUND: there is none under that number. */
CHW_API CHW_CHECK enum chw_status chw_recall(struct chw_client *client, uint64_t sequence,
                                             struct chw_result **result);

/* ---- a result ---- */

enum chw_outcome {
    CHW_COUNTED = 1,       /* scored and counted */
    CHW_BATCH_INVALID = 2, /* cannot be scored as a whole, or a person gave up its damaged
                            * file; the reason says why */
    CHW_DEAD = 3,          /* given up after the last attempt; kept as a dead letter */
    CHW_SCORED = 4,        /* what-if: scored, nothing counted */
    CHW_ACKNOWLEDGED = 5,  /* answered before, to a journal that is no longer there */
    CHW_REFUSED = 6, /* by the broker; not settled. It stays outstanding there and here */
    CHW_EXPIRED = 7, /* a what-if that was not scored before its deadline */
};

enum chw_fault {
    CHW_FAULT_NONE,
    CHW_FAULT_MISSING,          /* no value where a model needs one */
    CHW_FAULT_NOT_A_NUMBER,     /* the source held no number */
    CHW_FAULT_UNKNOWN_CATEGORY, /* a category that the model does not know */
};

CHW_API void chw_result_free(struct chw_result *result);
CHW_API uint64_t chw_result_sequence(const struct chw_result *result);
CHW_API enum chw_outcome chw_result_outcome(const struct chw_result *result);
CHW_API const char *chw_result_reason(const struct chw_result *result);
CHW_API size_t chw_result_rows(const struct chw_result *result);

/* CHW_FAULT_NONE: the record was scored. Else *column (may be NULL) is the one at fault.
 */
CHW_API enum chw_fault chw_result_fault(const struct chw_result *result, size_t row,
                                        const char **column);

/* Per target: its name, the 32 bytes of the model's version, one probability and one tier
 * per row (not meaningful where the record has a fault). Borrowed from the result. */
CHW_API size_t chw_result_target_count(const struct chw_result *result);
CHW_API const char *chw_result_target_name(const struct chw_result *result,
                                           size_t target);
CHW_API const uint8_t *chw_result_version(const struct chw_result *result, size_t target);
CHW_API const float *chw_result_probabilities(const struct chw_result *result,
                                              size_t target);
CHW_API const char *chw_result_tier(const struct chw_result *result, size_t target,
                                    size_t row);

/* ---- why: what chw_batch_explain() asked for; docs/explanations.md ---- */

/* Factors of each row's score. 0: none were asked for, or the target's model cannot say.
 */
CHW_API size_t chw_result_factor_count(const struct chw_result *result, size_t target);

/* Why it has no factors, though asked for; "": it has, or none were asked for. */
CHW_API const char *chw_result_unexplained(const struct chw_result *result,
                                           size_t target);

/* The feature that contributed most (factor 0), second most, ..., by size; *contribution
 * above 0: it raised the score. 0: it did nothing, and neither did those behind it. Not
 * meaningful where the record has a fault. */
CHW_API const char *chw_result_factor(const struct chw_result *result, size_t target,
                                      size_t row, size_t factor, float *contribution);

/* What the contributions of all features are added to: the score of a record of which
 * nothing is known. 0 where there are no factors. */
CHW_API double chw_result_base(const struct chw_result *result, size_t target);

/* True: base and contributions are in log-odds, ln(p / (1 - p)); false: in probability.
 */
CHW_API bool chw_result_in_log_odds(const struct chw_result *result, size_t target);

#ifdef __cplusplus
}
#endif

#endif
