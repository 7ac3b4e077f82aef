/* SPDX-License-Identifier: Apache-2.0 */
/* command_dead_letter.c - chw dead-letter list | show | requeue | drop. */
#include "base/config.h"
#include "base/day.h"
#include "client/commands.h"
#include "client/data_folder.h"
#include "client/letter_key.h"
#include "client/letter_show.h"
#include "client/menu.h"
#include "client/requeue.h"
#include "client/store_option.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPERANDS_MAX = 100000 };

struct letter_config {
    char *data, *store, *broker, *region, *after, *as_of;
    uint64_t limit, wait_s;
    bool json, values, all, yes, insecure;
};

#define KEY(name, type, field) name, type, offsetof(struct letter_config, field)
#define STORE_KEYS                                                                       \
    {KEY("data", CONFIG_TEXT, data), DATA_FOLDER_DEFAULT, 0, 0, "DIR",                   \
     "the cluster's data folder"},                                                       \
    {                                                                                    \
        KEY("store", CONFIG_TEXT, store), NULL, 0, 0, "URL",                             \
            STORE_URL_FORMS " (default: sqlite:DIR/store.db)"                            \
    }
#define REGION_KEY                                                                       \
    {                                                                                    \
        KEY("region", CONFIG_TEXT, region), NULL, 0, 0, "REGION",                        \
            "only those of this region"                                                  \
    }
#define ALL_KEY                                                                          \
    {                                                                                    \
        KEY("all", CONFIG_FLAG, all), NULL, 0, 0, NULL,                                  \
            "all of them, or all of --region, instead of KEYs"                           \
    }
static const struct config_key list_keys[] = {
    STORE_KEYS,
    REGION_KEY,
    {KEY("limit", CONFIG_COUNT, limit), "1000", 1, UINT32_MAX, "N", "at most so many"},
    {KEY("after", CONFIG_TEXT, after), NULL, 0, 0, "KEY",
     "begin behind this one: the last of the page before"},
    {KEY("json", CONFIG_FLAG, json), NULL, 0, 0, NULL, "print a JSON array"},
};
static const struct config_key show_keys[] = {
    STORE_KEYS,
    {KEY("values", CONFIG_FLAG, values), NULL, 0, 0, NULL,
     "print the patients' values, too, as CSV"},
};
static const struct config_key requeue_keys[] = {
    STORE_KEYS,
    REGION_KEY,
    ALL_KEY,
    {KEY("broker", CONFIG_TEXT, broker), NULL, 0, 0, "LIST",
     "the brokers' addresses for clients, with commas (default: the data folder's)"},
    {KEY("insecure", CONFIG_FLAG, insecure), NULL, 0, 0, NULL,
     "allow TCP addresses that are not loopback"},
    {KEY("wait-s", CONFIG_COUNT, wait_s), "300", 1, 86400, "S",
     "how long each answer is waited for"},
    {KEY("as-of", CONFIG_TEXT, as_of), NULL, 0, 0, "DAY",
     "the day of letters that were kept without it, such as 2026-11-24"},
};
static const struct config_key drop_keys[] = {
    STORE_KEYS,
    REGION_KEY,
    ALL_KEY,
    {KEY("yes", CONFIG_FLAG, yes), NULL, 0, 0, NULL,
     "drop them: without it, only say which"},
};
#undef KEY

/* What one action works with. */
struct work {
    struct store *store;
    const struct letter_config *config;
    const struct config_list *operands;
    struct requeue *requeue;
    uint64_t done, stay; /* letters that were dealt with; that stay nevertheless */
    struct error_text *error;
};

/* ---- which letters ---- */

static bool is_wanted(const struct work *work, const struct dead_letter *letter)
{
    return work->config->region == NULL ||
           strcmp(work->config->region, letter->region) == 0;
}

static enum status each_named(struct work *work,
                              enum status (*act)(struct work *work,
                                                 const struct settle_key *key))
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < work->operands->count; i++) {
        const char *text = work->operands->items[i];
        struct settle_key key;
        status = letter_key_parse(text, &key, work->error);
        if (status == STATUS_OK)
            status = act(work, &key);
        if (status == STATUS_NOT_FOUND)
            error_prefix(work->error, status, "%.80s", text);
    }
    return status;
}

/* Of this page; one that somebody else dropped meanwhile is dealt with. */
static enum status
each_of_page(struct work *work, const struct dead_letter *page, size_t count,
             enum status (*act)(struct work *work, const struct settle_key *key))
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        if (!is_wanted(work, &page[i]))
            continue;
        status = act(work, &page[i].key);
        if (status == STATUS_NOT_FOUND)
            status = STATUS_OK;
    }
    return status;
}

static enum status each_of_all(struct work *work,
                               enum status (*act)(struct work *work,
                                                  const struct settle_key *key))
{
    struct dead_letter page[STORE_LETTERS_PAGE];
    const struct settle_key *after = NULL;
    size_t count;
    for (;;) {
        enum status status =
            store_dead_letter_page(work->store, after, page, &count, work->error);
        if (status == STATUS_OK && count > 0)
            status = each_of_page(work, page, count, act);
        if (status != STATUS_OK || count == 0)
            return status;
        after = &page[count - 1].key;
    }
}

static enum status each_chosen(struct work *work,
                               enum status (*act)(struct work *work,
                                                  const struct settle_key *key))
{
    bool named = work->operands->count > 0;
    if (named == work->config->all)
        return error_set(work->error, STATUS_INVALID,
                         "give the KEYs that `chw dead-letter list` prints, or --all");
    if (named && work->config->region != NULL)
        return error_set(work->error, STATUS_INVALID, "--region goes with --all");
    return named ? each_named(work, act) : each_of_all(work, act);
}

/* ---- list ---- */

static void list_one(struct work *work, const struct dead_letter *letter)
{
    if (!work->config->json && work->done == 0)
        letter_list_heading(stdout);
    if (!work->config->json) {
        letter_list_line(letter, stdout);
    } else {
        fputs(work->done == 0 ? "\n" : ",\n", stdout);
        letter_list_json(letter, stdout);
    }
    work->done++;
}

/* *more: the limit was reached before this page's end. */
static void list_page(struct work *work, const struct dead_letter *page, size_t count,
                      bool *more)
{
    for (size_t i = 0; i < count && !*more; i++) {
        if (!is_wanted(work, &page[i]))
            continue;
        *more = work->done == work->config->limit;
        if (!*more)
            list_one(work, &page[i]);
    }
}

static enum status list_pages(struct work *work, bool *more)
{
    struct dead_letter page[STORE_LETTERS_PAGE];
    struct settle_key from;
    const struct settle_key *after = NULL;
    size_t count;
    *more = false;
    if (work->config->after != NULL) {
        enum status status = letter_key_parse(work->config->after, &from, work->error);
        if (status != STATUS_OK)
            return status;
        after = &from;
    }
    do {
        enum status status =
            store_dead_letter_page(work->store, after, page, &count, work->error);
        if (status != STATUS_OK)
            return status;
        list_page(work, page, count, more);
        if (count > 0)
            after = &page[count - 1].key;
    } while (count > 0 && !*more);
    return STATUS_OK;
}

static enum status list(struct work *work)
{
    bool more;
    if (work->config->json)
        fputs("[", stdout);
    enum status status = list_pages(work, &more);
    if (work->config->json)
        fputs(work->done == 0 ? "]\n" : "\n]\n", stdout);
    else if (status == STATUS_OK && work->done == 0)
        puts("no dead letters");
    if (status == STATUS_OK && more)
        fprintf(stderr,
                "chw dead-letter list: there are more: --after the last key, or a "
                "higher --limit\n");
    return status;
}

/* ---- show ---- */

static enum status show_body(const struct work *work, const struct dead_letter *letter)
{
    enum status status = letter_show_columns(letter, stdout, work->error);
    if (status != STATUS_OK || !work->config->values)
        return status;
    putchar('\n');
    return letter_show_values(letter, stdout, work->error);
}

/* A body that is no batch may be what the workers died over. */
static enum status show_one(struct work *work, const struct settle_key *key)
{
    struct dead_letter letter;
    uint8_t *body;
    enum status status =
        store_dead_letter_get(work->store, key, &letter, &body, work->error);
    if (status != STATUS_OK)
        return status;
    letter_show_head(&letter, stdout);
    status = show_body(work, &letter);
    if (status == STATUS_MALFORMED) {
        printf("%-12sno batch: %s\n", "body", work->error->text);
        status = STATUS_OK;
    }
    free(body);
    return status;
}

static enum status show(struct work *work)
{
    return each_named(work, show_one);
}

/* ---- requeue ---- */

static enum status find_day(const struct work *work, const struct dead_letter *letter,
                            int32_t *as_of)
{
    *as_of = letter->as_of;
    if (letter->buried_s != 0)
        return STATUS_OK;
    if (work->config->as_of == NULL)
        return error_set(
            work->error, STATUS_INVALID,
            "an older release buried it without its day: give it as --as-of");
    return day_parse(work->config->as_of, as_of) == STATUS_OK
               ? STATUS_OK
               : error_set(work->error, STATUS_INVALID,
                           "--as-of is '%s'; expected a day such as 2026-11-24",
                           work->config->as_of);
}

static void tell_result(const char *key, const struct requeue_result *result)
{
    switch (result->end) {
    case REQUEUE_COUNTED:
        printf("%s counted: %" PRIu32 " records, %" PRIu32 " of them invalid; dropped\n",
               key, result->records, result->invalid);
        break;
    case REQUEUE_COUNTED_BEFORE:
        printf("%s was counted when it was sent again before; dropped\n", key);
        break;
    case REQUEUE_BURIED:
        printf("%s buried again (%s); it stays\n", key, result->reason);
        break;
    case REQUEUE_INVALID:
        printf("%s invalid, not counted (%s); it stays\n", key, result->reason);
        break;
    }
    fflush(stdout);
}

/* Dropped by somebody else at the same time is dropped. */
static enum status finish(struct work *work, const struct settle_key *key,
                          const struct requeue_result *result)
{
    char text[LETTER_KEY_TEXT_SIZE];
    letter_key_format(key, text);
    tell_result(text, result);
    work->done++;
    if (result->end == REQUEUE_BURIED || result->end == REQUEUE_INVALID) {
        work->stay++;
        return STATUS_OK;
    }
    enum status status = store_dead_letter_drop(work->store, key, work->error);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status requeue_one(struct work *work, const struct settle_key *key)
{
    struct dead_letter letter;
    struct requeue_result result;
    uint8_t *body;
    int32_t as_of;
    enum status status =
        store_dead_letter_get(work->store, key, &letter, &body, work->error);
    if (status != STATUS_OK)
        return status;
    status = find_day(work, &letter, &as_of);
    if (status == STATUS_OK)
        status = requeue_letter(work->requeue, &letter, as_of, &result, work->error);
    free(body);
    return status == STATUS_OK ? finish(work, key, &result) : status;
}

static enum status open_requeue(struct work *work)
{
    const struct letter_config *config = work->config;
    struct data_folder folder;
    struct requeue_options options = {
        .insecure = config->insecure,
        .patience_ms = config->wait_s * 1000,
    };
    enum status status = data_folder_clients_list(config->broker, config->data, &folder,
                                                  &options.endpoint, work->error);
    if (status != STATUS_OK)
        return status;
    return requeue_open(&options, work->store, &work->requeue, work->error);
}

static enum status requeue(struct work *work)
{
    enum status status = open_requeue(work);
    if (status == STATUS_OK)
        status = each_chosen(work, requeue_one);
    requeue_close(work->requeue);
    if (status == STATUS_OK && work->done == 0)
        puts("no dead letters");
    if (status == STATUS_OK && work->stay > 0)
        return error_set(work->error, STATUS_MALFORMED,
                         "%" PRIu64 " of %" PRIu64 " were not counted and stay",
                         work->stay, work->done);
    return status;
}

/* ---- drop ---- */

static enum status drop_one(struct work *work, const struct settle_key *key)
{
    struct dead_letter letter;
    uint8_t *body;
    enum status status =
        store_dead_letter_get(work->store, key, &letter, &body, work->error);
    free(body);
    if (status == STATUS_OK && work->config->yes)
        status = store_dead_letter_drop(work->store, key, work->error);
    if (status != STATUS_OK)
        return status;
    if (work->done++ == 0)
        letter_list_heading(stdout);
    letter_list_line(&letter, stdout);
    return STATUS_OK;
}

static enum status drop(struct work *work)
{
    enum status status = each_chosen(work, drop_one);
    if (status == STATUS_OK && work->done == 0)
        puts("no dead letters");
    else if (work->config->yes && work->done > 0)
        printf("%" PRIu64 " dropped\n", work->done);
    else if (status == STATUS_OK)
        return error_set(work->error, STATUS_INVALID,
                         "nothing is dropped: these %" PRIu64
                         " would be, for ever, with --yes",
                         work->done);
    return status;
}

/* ---- the table of actions ---- */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
static const struct action {
    struct menu_item item;
    enum status (*run)(struct work *work);
    struct config_spec spec;
} actions[] = {
    {{"list", "which batches were given up, when and why"},
     list,
     {.program = "chw dead-letter list",
      .summary = "The batches that were given up: their workers died over them.",
      .keys = list_keys,
      .key_count = COUNT(list_keys)}},
    {{"show", "one of them: its columns, and how many values they have"},
     show,
     {.program = "chw dead-letter show",
      .summary = "A dead letter: when, why, its columns, how many values they have.",
      .operands = "KEY",
      .operands_min = 1,
      .operands_max = 1,
      .keys = show_keys,
      .key_count = COUNT(show_keys)}},
    {{"requeue", "send them once more, to be counted once"},
     requeue,
     {.program = "chw dead-letter requeue",
      .summary = "Send dead letters through the broker once more.",
      .operands = "[KEY]...",
      .operands_max = OPERANDS_MAX,
      .keys = requeue_keys,
      .key_count = COUNT(requeue_keys),
      .notes = "A letter whose batch is counted is dropped; sent again twice, it is "
               "counted once. One\nthat is buried again or invalid stays. Each that is "
               "still poison costs three workers.\nExits 65 when one stays, 69 when no "
               "answer came.\n"}},
    {{"drop", "throw them away"},
     drop,
     {.program = "chw dead-letter drop",
      .summary = "Throw dead letters away: their records are never counted.",
      .operands = "[KEY]...",
      .operands_max = OPERANDS_MAX,
      .keys = drop_keys,
      .key_count = COUNT(drop_keys)}},
};

static int run_action(const struct action *action, int argc, char **argv)
{
    struct letter_config config = {0};
    struct config_list operands = {0};
    struct error_text error = {""};
    int exit_code;
    if (!config_load(&action->spec, argc, argv, &config, &operands, &exit_code))
        return exit_code;
    struct work work = {.config = &config, .operands = &operands, .error = &error};
    enum status status =
        store_option_open(config.data, config.store, &work.store, &error);
    if (status == STATUS_OK)
        status = action->run(&work);
    fflush(stdout);
    exit_code = error_exit(&error, status, action->spec.program);
    store_close(work.store);
    config_free(&action->spec, &config, &operands);
    return exit_code;
}

int command_dead_letter(int argc, char **argv)
{
    static const struct menu menu = {
        .program = "chw dead-letter",
        .noun = "ACTION",
        .summary =
            "Dead letters are batches that workers died over; they are not counted.",
        .items = actions,
        .item_size = sizeof actions[0],
        .count = sizeof actions / sizeof actions[0],
    };
    size_t index;
    int exit_code;
    return menu_choose(&menu, argc, argv, &index, &exit_code)
               ? run_action(&actions[index], argc - 1, argv + 1)
               : exit_code;
}
