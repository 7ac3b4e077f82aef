/* SPDX-License-Identifier: Apache-2.0 */
/* command_generate.c - chw generate: a synthetic population as a CSV file. */
#include "base/config.h"
#include "base/file.h"
#include "base/log.h"
#include "client/commands.h"
#include "client/population.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct generate_config {
    char *output;
    uint64_t rows, regions, seed, first_row;
    bool without_outcomes;
};

#define KEY(name, type, field) name, type, offsetof(struct generate_config, field)
static const struct config_key keys[] = {
    {KEY("output", CONFIG_TEXT, output), NULL, 0, 0, "FILE.csv", "where to write"},
    {KEY("rows", CONFIG_COUNT, rows), "100000", 1, UINT64_C(1000000000), "N",
     "how many people"},
    {KEY("regions", CONFIG_COUNT, regions), "12", 1, POPULATION_REGIONS_MAX, "N",
     "how many regions, of unequal size"},
    {KEY("seed", CONFIG_COUNT, seed), "1", 0, 0, "N", "another seed, other people"},
    {KEY("first-row", CONFIG_COUNT, first_row), "1", 1, UINT64_C(1000000000000), "N",
     "the first person's number: people nobody has met"},
    {KEY("without-outcomes", CONFIG_FLAG, without_outcomes), NULL, 0, 0, NULL,
     "leave out the columns chd and diabetes"},
};
#undef KEY

static const struct config_spec spec = {
    .program = "chw generate",
    .summary = "Write a synthetic population: made-up people with a documented ground "
               "truth.",
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .notes = "The same options give the same bytes on every machine. docs/synthetic.md "
             "says how\nthe people are made and what the true risks are. Nobody in it "
             "exists.\n",
};

static const char *yes_no(bool value)
{
    return value ? "Yes" : "No";
}

static void write_header(FILE *file, bool outcomes)
{
    fprintf(file,
            "person_id,region,age,sex,bmi,systolic_bp,smoking,activity,family_history,"
            "diabetes_known,income%s\n",
            outcomes ? ",chd,diabetes" : "");
}

static void write_person(FILE *file, uint64_t row, const struct person *person,
                         bool outcomes)
{
    static const char *const smoking[] = {"never", "former", "current"};
    static const char *const income[] = {"low", "middle", "high"};
    char region[POPULATION_REGION_SIZE];
    population_region(person->region, region);
    fprintf(file, "P%09" PRIu64 ",%s,%" PRId32 ",%s,", row, region, person->age,
            person->sex == SEX_MALE ? "Male" : "Female");
    if (!person->bmi_missing)
        fprintf(file, "%" PRId32 ".%" PRId32, person->bmi_tenths / 10,
                person->bmi_tenths % 10);
    fputc(',', file);
    if (!person->systolic_bp_missing)
        fprintf(file, "%" PRId32, person->systolic_bp);
    fprintf(file, ",%s,%" PRId32 ",%s,%s,%s", smoking[person->smoking], person->activity,
            yes_no(person->family_history), yes_no(person->diabetes_known),
            person->income_missing ? "" : income[person->income]);
    if (outcomes)
        fprintf(file, ",%s,%s", yes_no(person->chd), yes_no(person->diabetes));
    fputc('\n', file);
}

static enum status write_people(const struct generate_config *config, const char *part,
                                struct error_text *error)
{
    FILE *file = fopen(part, "w");
    struct person person;
    if (file == NULL)
        return error_set(error, STATUS_IO, "%s: %s", part, strerror(errno));
    write_header(file, !config->without_outcomes);
    for (uint64_t i = 0; i < config->rows && !ferror(file); i++) {
        uint64_t row = config->first_row + i;
        population_person(config->seed, (uint32_t)config->regions, row, &person);
        write_person(file, row, &person, !config->without_outcomes);
    }
    bool failed = ferror(file) || fflush(file) != 0 || fsync(fileno(file)) != 0;
    if (failed)
        error_set(error, STATUS_IO, "%s: %s", part, strerror(errno));
    if (fclose(file) != 0 && !failed)
        return error_set(error, STATUS_IO, "%s: %s", part, strerror(errno));
    return failed ? STATUS_IO : STATUS_OK;
}

static enum status generate(const struct generate_config *config,
                            struct error_text *error)
{
    char part[4096];
    if (config->output == NULL)
        return error_set(error, STATUS_INVALID, "-o FILE.csv is needed");
    size_t size = strlen(config->output);
    if (size > 3 && strcmp(config->output + size - 3, ".gz") == 0)
        return error_set(error, STATUS_INVALID,
                         "%s: only plain CSV is written; leave out .gz, then gzip it",
                         config->output);
    if ((size_t)snprintf(part, sizeof part, "%s.part", config->output) >= sizeof part)
        return error_set(error, STATUS_INVALID, "the output's path is too long");
    enum status status = write_people(config, part, error);
    if (status == STATUS_OK)
        status = file_publish(part, config->output, error);
    if (status != STATUS_OK)
        unlink(part);
    return status;
}

int command_generate(int argc, char **argv)
{
    struct generate_config config = {0};
    struct error_text error;
    int exit_code;
    if (!config_load(&spec, argc, argv, &config, NULL, &exit_code))
        return exit_code;
    enum status status = generate(&config, &error);
    if (status == STATUS_OK)
        printf("%s: %" PRIu64 " synthetic people in %" PRIu64
               " regions; nobody in it exists\n",
               config.output, config.rows, config.regions);
    else
        fprintf(stderr, "chw generate: %s\n", error.text);
    config_free(&spec, &config, NULL);
    return status_exit_code(status);
}
