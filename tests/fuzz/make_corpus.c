/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the first inputs of fuzz_model, fuzz_batch and fuzz_status: run it in tests/fuzz
 * after a change of the protobuf contract; and those of fuzz_spool and fuzz_journal,
 * after a change of these files. */
#include "tests/lib/build.h"

#include "base/file.h"
#include "client/journal.h"
#include "client/spool_disk.h"

#include "control.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void must(enum status status, const char *what)
{
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, status_text(status));
    exit(EXIT_FAILURE);
}

static void write_seed(const char *path, const ProtobufCMessage *message)
{
    size_t size;
    uint8_t *bytes = build_pack(message, &size);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

static Chw__Batch *every_type(void)
{
    Chw__Batch *batch = build_batch(3);
    build_floats(batch, "a", (float[]){1.0F, 2.5F, -3.0F}, 3)->valid =
        build_bytes("\x05", 1);
    build_codes(batch, "b", (const uint8_t *)"\x00\x01\x02", 3, "x,1.0,5")->unreadable =
        build_bytes("\x02", 1);
    build_bitmap(batch, "c", (const uint8_t *)"\x05", 1, "0,1");
    return batch;
}

static Chw__Batch *numbers_only(void)
{
    Chw__Batch *batch = build_batch(3);
    build_codes(batch, "a", (const uint8_t *)"\x00\x01\xff", 3, NULL);
    build_floats(batch, "b", (float[]){1.0F, 5.0F, 0.0F}, 3);
    build_bitmap(batch, "c", (const uint8_t *)"\x05", 1, NULL);
    return batch;
}

static Chw__Model *linear(void)
{
    static const float weights[] = {0.5F, -1.0F, 0.25F, 2.0F, 0.125F};
    Chw__Model *model = build_linear(-1.0, weights, 5);
    build_numeric(model, "a", 40.0, 0.1)->missing = CHW__MISSING_POLICY__MISSING_IMPUTE;
    build_category(model, "b", "x,1,5")->missing = CHW__MISSING_POLICY__MISSING_INDICATOR;
    model->calibration_case = CHW__MODEL__CALIBRATION_PLATT;
    model->platt = build_alloc(sizeof *model->platt);
    chw__platt__init(model->platt);
    model->platt->slope = 1.5;
    build_golden(model, every_type(), (float[]){0.5F, 0.25F, 0.125F}, 3);
    return model;
}

static Chw__Model *forest(void)
{
    static const struct build_node nodes[] = {
        {.input = 0, .threshold = 50.0F, .left = 2, .right = 1, .default_left = 1},
        {.threshold = 0.75F},
        {.input = 1, .threshold = 1.0F, .left = 4, .right = 3},
        {.threshold = 0.5F},
        {.threshold = 0.25F},
    };
    Chw__Model *model = build_trees(0.5F);
    build_numeric(model, "a", 0.0, 1.0)->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    build_category(model, "b", "x,1,5")->category->encoding =
        CHW__CATEGORY_ENCODING__ENCODING_CODE;
    build_tree(model, nodes, 5);
    build_tree(model, nodes + 3, 1);
    model->link = CHW__LINK__LINK_IDENTITY;
    model->trees->aggregate = CHW__TREES__AGGREGATE__MEAN;
    model->calibration_case = CHW__MODEL__CALIBRATION_ISOTONIC;
    model->isotonic = build_alloc(sizeof *model->isotonic);
    chw__isotonic__init(model->isotonic);
    model->isotonic->n_x = model->isotonic->n_y = 2;
    model->isotonic->x = build_alloc(2 * sizeof(float));
    model->isotonic->y = build_alloc(2 * sizeof(float));
    model->isotonic->x[1] = model->isotonic->y[1] = 1.0F;
    return model;
}

static Chw__StatusReport *busy_broker(void)
{
    static Chw__RegionStatus regions[2], *region_list[] = {&regions[0], &regions[1]};
    static Chw__WorkerStatus worker, *worker_list[] = {&worker};
    static Chw__StatusReport report;
    static char names[][24] = {"KE/Kisumu", "a\033[2J\xc2\x9b", "host/1/0", "chd=1a2b"};
    chw__status_report__init(&report);
    for (size_t i = 0; i < 2; i++) {
        chw__region_status__init(&regions[i]);
        regions[i].name = names[i];
        regions[i].queued = 3;
        regions[i].answered = UINT64_MAX;
    }
    chw__worker_status__init(&worker);
    worker.name = names[2];
    worker.serving = names[3];
    worker.state = CHW__WORKER_STATUS__STATE__STUCK;
    report.n_regions = 2;
    report.regions = region_list;
    report.n_workers = 1;
    report.workers = worker_list;
    report.bytes_max = 1 << 20;
    return &report;
}

/* The file behind what its fuzz target wants before it. */
static void write_file_seed(const char *path, const char *before, const char *file)
{
    uint8_t *bytes;
    size_t size, before_size = strlen(before);
    must(file_read(file, 1 << 20, &bytes, &size, NULL), file);
    uint8_t *seed = build_alloc(before_size + size);
    memcpy(seed, before, before_size);
    memcpy(seed + before_size, bytes, size);
    must(file_replace(path, seed, before_size + size, NULL), path);
    free(bytes);
    unlink(file);
}

static void write_spool_seeds(void)
{
    static const char name[] = "0000000000000007.batch";
    struct spool_disk disk;
    struct spool *spool;
    struct spool_batch batch = {.rows = 2, .body = (uint8_t *)"body", .size = 4};
    batch.header = (struct header){
        .type = MESSAGE_SCORE, .key.sequence = 7, .as_of = 20000, .region = "KE/Kisumu"};
    batch.digest = digest_body(batch.body, batch.size);
    spool_disk_init(&disk, "corpus");
    must(spool_open(&disk, batch.header.key.client, 1 << 20, &spool, NULL), "spool");
    must(spool_put(spool, &batch, NULL), "spool");
    spool_close(spool);
    char before[64], path[64];
    snprintf(before, sizeof before, "1%s\n", name);
    snprintf(path, sizeof path, "corpus/%s", name);
    write_file_seed("corpus/spool/batch", before, path);
}

static void write_journal_seeds(void)
{
    static const char path[] = "corpus/answers";
    static const struct digest job = {{1}}, batch = {{2}};
    struct journal *journal;
    must(journal_open(path, &job, &journal, NULL), path);
    must(journal_append(journal, 1, &batch, "one", 3, NULL), path);
    must(journal_append(journal, 3, &batch, "", 0, NULL), path);
    must(journal_sync(journal, NULL), path);
    must(journal_append(journal, 2, &batch, "two", 3, NULL), path);
    journal_close(journal);
    write_file_seed("corpus/journal/answers", "1", path);
}

int main(void)
{
    write_seed("corpus/batch/every_type", &every_type()->base);
    write_seed("corpus/batch/numbers_only", &numbers_only()->base);
    write_seed("corpus/model/linear", &linear()->base);
    write_seed("corpus/status/busy_broker", &busy_broker()->base);
    write_seed("corpus/model/forest", &forest()->base);
    write_spool_seeds();
    write_journal_seeds();
    build_reset();
    return EXIT_SUCCESS;
}
