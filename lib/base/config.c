/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - four sources, applied in order of strength, through one setter. */
#include "base/config.h"

#include "base/yaml.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum {
    KEYS_MAX = 64,
    FLAG_BASE = 256,
    FLAG_HELP = FLAG_BASE + KEYS_MAX,
    FLAG_CHECK,
    FLAG_PRINT,
    SOURCE_SIZE = 256
};

extern char **environ;

/* One pass over the sources. */
struct reading {
    const struct config_spec *spec;
    void *target;
    struct error_text *error;
    bool checks, prints;                 /* --check-config, --print-config */
    char sources[KEYS_MAX][SOURCE_SIZE]; /* of each value, for --print-config */
    bool replaced[KEYS_MAX];             /* lists that this source has begun anew */
};

static void *field(const struct reading *self, const struct config_key *key)
{
    return (char *)self->target + key->offset;
}

static enum status refuse(const struct reading *self, const struct config_key *key,
                          const char *source, const char *expected)
{
    return error_set(self->error, STATUS_INVALID, "%s: %s must be %s", source, key->name,
                     expected);
}

static void list_clear(struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct config_list){NULL, 0};
}

static enum status list_add(struct config_list *list, const char *text)
{
    char *copy = strdup(text);
    char **items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (items != NULL)
        list->items = items;
    if (copy == NULL || items == NULL) {
        free(copy);
        return STATUS_NOMEM;
    }
    items[list->count++] = copy;
    return STATUS_OK;
}

static enum status set_text(struct reading *self, const struct config_key *key,
                            const char *text, const char *source)
{
    (void)source;
    char **to = field(self, key);
    char *copy = strdup(text);
    if (copy == NULL)
        return STATUS_NOMEM;
    free(*to);
    *to = copy;
    return STATUS_OK;
}

static enum status set_count(struct reading *self, const struct config_key *key,
                             const char *text, const char *source)
{
    char *end, expected[96];
    bool bounded = key->min != 0 || key->max != 0;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    bool number = isdigit((unsigned char)*text) && *end == '\0' && errno == 0;
    if (number && (!bounded || (value >= key->min && value <= key->max))) {
        *(uint64_t *)field(self, key) = value;
        return STATUS_OK;
    }
    if (!bounded)
        return refuse(self, key, source, "a whole number");
    snprintf(expected, sizeof expected, "a whole number from %llu to %llu",
             (unsigned long long)key->min, (unsigned long long)key->max);
    return refuse(self, key, source, expected);
}

static enum status set_real(struct reading *self, const struct config_key *key,
                            const char *text, const char *source)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value))
        return refuse(self, key, source, "a number");
    *(double *)field(self, key) = value;
    return STATUS_OK;
}

static enum status set_flag(struct reading *self, const struct config_key *key,
                            const char *text, const char *source)
{
    static const char *const words[] = {"false", "true", "no", "yes", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text, words[i]) == 0) {
            *(bool *)field(self, key) = i % 2 == 1;
            return STATUS_OK;
        }
    return refuse(self, key, source, "true or false");
}

/* The first item from a stronger source replaces what a weaker one gave. */
static enum status set_list(struct reading *self, const struct config_key *key,
                            const char *text, const char *source)
{
    (void)source;
    bool *replaced = &self->replaced[key - self->spec->keys];
    if (!*replaced)
        list_clear(field(self, key));
    *replaced = true;
    return list_add(field(self, key), text);
}

static enum status set_value(struct reading *self, const struct config_key *key,
                             const char *text, const char *source)
{
    static enum status (*const setters[])(struct reading *, const struct config_key *,
                                          const char *, const char *) = {
        [CONFIG_TEXT] = set_text, [CONFIG_COUNT] = set_count, [CONFIG_REAL] = set_real,
        [CONFIG_FLAG] = set_flag, [CONFIG_LIST] = set_list,
    };
    snprintf(self->sources[key - self->spec->keys], SOURCE_SIZE, "%s", source);
    return setters[key->type](self, key, text, source);
}

static const struct config_key *find_key(const struct config_spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->key_count; i++)
        if (strcmp(spec->keys[i].name, name) == 0)
            return &spec->keys[i];
    return NULL;
}

static enum status apply_fallbacks(struct reading *self)
{
    for (size_t i = 0; i < self->spec->key_count; i++) {
        const struct config_key *key = &self->spec->keys[i];
        if (key->fallback == NULL)
            continue;
        enum status status = set_value(self, key, key->fallback, "default");
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* ---- the file ---- */

static enum status apply_list(struct reading *self, const struct config_key *key,
                              const struct yaml_node *node, const char *source)
{
    list_clear(field(self, key)); /* also where it is empty: the default goes */
    for (size_t i = 0; i < node->count; i++) {
        if (node->items[i].kind != YAML_SCALAR)
            return refuse(self, key, source, "a list of texts");
        enum status status = set_value(self, key, node->items[i].text, source);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status apply_pair(struct reading *self, const char *path,
                              const struct yaml_node *name, const struct yaml_node *value)
{
    char source[4200];
    snprintf(source, sizeof source, "%s: line %zu", path, name->line);
    const struct config_key *key = find_key(self->spec, name->text);
    if (key == NULL || strcmp(name->text, "config") == 0)
        return error_set(self->error, STATUS_INVALID,
                         "%s: unknown key '%s'; `%s --help` lists the keys", source,
                         name->text, self->spec->program);
    if (value->kind == YAML_LIST && key->type == CONFIG_LIST)
        return apply_list(self, key, value, source);
    if (value->kind != YAML_SCALAR)
        return refuse(self, key, source,
                      key->type == CONFIG_LIST ? "a list" : "one value");
    return set_value(self, key, value->text, source);
}

static enum status apply_file(struct reading *self, const char *path)
{
    struct yaml *yaml;
    enum status status = yaml_read(path, &yaml, self->error);
    if (status != STATUS_OK)
        return status;
    const struct yaml_node *root = yaml_root(yaml);
    if (root->kind != YAML_MAP)
        status = error_set(self->error, STATUS_INVALID, "%s: expected `key: value` lines",
                           path);
    for (size_t i = 0; status == STATUS_OK && i < root->count; i++)
        status = apply_pair(self, path, &root->keys[i], &root->items[i]);
    yaml_free(yaml);
    return status;
}

/* ---- the environment ---- */

static void variable_name(const struct config_key *key, char *name, size_t size)
{
    size_t used = (size_t)snprintf(name, size, "CHW_%s", key->name);
    for (size_t i = 4; i < used && i < size; i++)
        name[i] = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
}

static const char *variable(char *const *environment, const char *name)
{
    size_t size = strlen(name);
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, name, size) == 0 && (*environment)[size] == '=')
            return *environment + size + 1;
    return NULL;
}

static enum status apply_environment(struct reading *self, char *const *environment)
{
    char name[128];
    for (size_t i = 0; i < self->spec->key_count; i++) {
        variable_name(&self->spec->keys[i], name, sizeof name);
        const char *text = variable(environment, name);
        if (text == NULL)
            continue;
        enum status status = set_value(self, &self->spec->keys[i], text, name);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* ---- the flags ---- */

static void list_options(const struct config_spec *spec, struct option *options)
{
    for (size_t i = 0; i < spec->key_count; i++)
        options[i] = (struct option){
            .name = spec->keys[i].name,
            .has_arg =
                spec->keys[i].type == CONFIG_FLAG ? no_argument : required_argument,
            .val = FLAG_BASE + (int)i,
        };
    options[spec->key_count] = (struct option){.name = "help", .val = FLAG_HELP};
    options[spec->key_count + 1] =
        (struct option){.name = "check-config", .val = FLAG_CHECK};
    options[spec->key_count + 2] =
        (struct option){.name = "print-config", .val = FLAG_PRINT};
    options[spec->key_count + 3] = (struct option){.name = NULL};
}

static enum status refuse_flag(const struct reading *self, const char *given, int code)
{
    return error_set(self->error, STATUS_INVALID,
                     code == ':' ? "%s needs a value; try `%s --help`"
                                 : "%s is not an option; try `%s --help`",
                     given, self->spec->program);
}

/* `only` NULL: apply all flags; else only that key (to learn --config before the rest).
 * --help ends it wherever it stands. */
static enum status apply_flags(struct reading *self, int argc, char **argv,
                               const struct config_key *only)
{
    struct option options[KEYS_MAX + 4];
    int code;
    list_options(self->spec, options);
    optind = 0; /* start anew */
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":ho:", options, NULL)) != -1) {
        const struct config_key *key = NULL;
        if (code == FLAG_HELP || code == 'h')
            return STATUS_END;
        self->checks = self->checks || code == FLAG_CHECK;
        self->prints = self->prints || code == FLAG_PRINT;
        if (code == FLAG_CHECK || code == FLAG_PRINT)
            continue;
        if (code == 'o')
            key = find_key(self->spec, "output");
        else if (code >= FLAG_BASE)
            key = &self->spec->keys[code - FLAG_BASE];
        if (key == NULL)
            return refuse_flag(self, argv[optind - 1], code);
        if (only != NULL && key != only)
            continue;
        char source[80];
        snprintf(source, sizeof source, "--%s", key->name);
        enum status status =
            set_value(self, key, optarg == NULL ? "true" : optarg, source);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status take_operands(const struct reading *self, int argc, char **argv,
                                 struct config_list *operands)
{
    size_t count = (size_t)(argc - optind);
    if (count > self->spec->operands_max)
        return error_set(
            self->error, STATUS_INVALID, "'%s' is one argument too many; try `%s --help`",
            argv[optind + (int)self->spec->operands_max], self->spec->program);
    if (count < self->spec->operands_min && !self->checks && !self->prints)
        return error_set(self->error, STATUS_INVALID, "expected %s; try `%s --help`",
                         self->spec->operands, self->spec->program);
    if (operands != NULL)
        *operands = (struct config_list){argv + optind, count};
    return STATUS_OK;
}

static void next_source(struct reading *self)
{
    memset(self->replaced, 0, sizeof self->replaced);
}

/* The file is named by a flag or the environment, and is weaker than both. */
static enum status apply_config_file(struct reading *self, int argc, char **argv,
                                     char *const *environment)
{
    static const struct config_key none;
    const struct config_key *key = find_key(self->spec, "config");
    const char *path = variable(environment, "CHW_CONFIG");
    enum status status = STATUS_OK;
    if (key == NULL) /* --help is served whatever the environment says */
        return apply_flags(self, argc, argv, &none);
    if (path != NULL)
        status = set_value(self, key, path, "CHW_CONFIG");
    if (status == STATUS_OK)
        status = apply_flags(self, argc, argv, key);
    path = *(char **)field(self, key);
    return status == STATUS_OK && path != NULL ? apply_file(self, path) : status;
}

static enum status read_all(struct reading *self, int argc, char **argv,
                            char *const *environment, struct config_list *operands)
{
    assert(self->spec->key_count <= KEYS_MAX);
    enum status status = apply_fallbacks(self);
    next_source(self);
    if (status == STATUS_OK)
        status = apply_config_file(self, argc, argv, environment);
    next_source(self);
    if (status == STATUS_OK)
        status = apply_environment(self, environment);
    next_source(self);
    if (status == STATUS_OK)
        status = apply_flags(self, argc, argv, NULL);
    return status == STATUS_OK ? take_operands(self, argc, argv, operands) : status;
}

enum status config_read(const struct config_spec *spec, int argc, char **argv,
                        char *const *environment, void *target,
                        struct config_list *operands, struct error_text *error)
{
    struct reading reading = {.spec = spec, .target = target, .error = error};
    return read_all(&reading, argc, argv, environment, operands);
}

/* ---- --print-config ---- */

/* A quoted YAML text. What stands before the '@' of a URL may be a password. */
static void print_text(const char *text)
{
    const char *host = strstr(text, "://"), *at = strrchr(text, '@');
    bool secret = host != NULL && at != NULL && at > host;
    putchar('"');
    for (const char *c = text; *c != '\0'; c++) {
        if (secret && c == host + 3) {
            printf("***");
            c = at;
        }
        if (*c == '"' || *c == '\\')
            putchar('\\');
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            printf("\\x%02x", (unsigned char)*c);
        else
            putchar(*c);
    }
    putchar('"');
}

static void print_list(const struct config_list *list)
{
    putchar('[');
    for (size_t i = 0; i < list->count; i++) {
        printf(i == 0 ? "" : ", ");
        print_text(list->items[i]);
    }
    putchar(']');
}

/* What is not set, and the file itself, which no file may name, are comments. */
static void print_value(const struct reading *self, const struct config_key *key)
{
    const void *value = field(self, key);
    const char *source = self->sources[key - self->spec->keys];
    bool set = key->type != CONFIG_TEXT || *(char *const *)value != NULL;
    printf("%s%s: ", set && strcmp(key->name, "config") != 0 ? "" : "# ", key->name);
    if (key->type == CONFIG_TEXT && set)
        print_text(*(char *const *)value);
    else if (key->type == CONFIG_COUNT)
        printf("%llu", (unsigned long long)*(const uint64_t *)value);
    else if (key->type == CONFIG_REAL)
        printf("%.17g", *(const double *)value);
    else if (key->type == CONFIG_FLAG)
        printf(*(const bool *)value ? "true" : "false");
    else if (key->type == CONFIG_LIST)
        print_list(value);
    printf("  # %s\n", !set ? "not set" : source[0] == '\0' ? "default" : source);
}

static enum status check_and_print(const struct reading *self)
{
    const struct config_spec *spec = self->spec;
    if (spec->check != NULL) {
        enum status status = spec->check(self->target, self->error);
        if (status != STATUS_OK)
            return status;
    }
    for (size_t i = 0; self->prints && i < spec->key_count; i++)
        print_value(self, &spec->keys[i]);
    return STATUS_OK;
}

static void print_key(const struct config_key *key)
{
    char flag[96], name[128];
    bool output = strcmp(key->name, "output") == 0;
    snprintf(flag, sizeof flag, "--%s%s%s%s", key->name, output ? ", -o" : "",
             key->argument == NULL ? "" : " ",
             key->argument == NULL ? "" : key->argument);
    variable_name(key, name, sizeof name);
    printf("  %-26s %s", flag, key->help);
    if (key->type == CONFIG_LIST)
        printf(" (may be repeated)");
    if (key->fallback != NULL)
        printf(" [%s]", key->fallback);
    putchar('\n');
}

static void print_help(const struct config_spec *spec)
{
    printf("usage: %s [OPTION]...%s%s\n%s\n\n", spec->program,
           spec->operands == NULL ? "" : " ",
           spec->operands == NULL ? "" : spec->operands, spec->summary);
    for (size_t i = 0; i < spec->key_count; i++)
        print_key(&spec->keys[i]);
    printf("  %-26s %s\n", "--check-config",
           "say whether all options are well, and exit");
    printf("  %-26s %s\n", "--print-config", "also print them, with their sources");
    printf("  %-26s %s\n", "--help, -h", "this text");
    printf("\nAn option NAME can also be given as the variable CHW_NAME (upper case, '-' "
           "as '_')%s.\n",
           find_key(spec, "config") == NULL
               ? ""
               : ", or as a key of the --config file (YAML)");
    if (spec->notes != NULL)
        printf("\n%s\n", spec->notes);
}

bool config_load(const struct config_spec *spec, int argc, char **argv, void *target,
                 struct config_list *operands, int *exit_code)
{
    struct error_text error = {""};
    struct reading reading = {.spec = spec, .target = target, .error = &error};
    enum status status = read_all(&reading, argc, argv, environ, operands);
    bool asked = reading.checks || reading.prints;
    if (status == STATUS_OK && !asked)
        return true;
    if (status == STATUS_OK)
        status = check_and_print(&reading);
    if (status == STATUS_END)
        print_help(spec);
    else if (status != STATUS_OK)
        fprintf(stderr, "%s: %s\n", spec->program,
                error.text[0] == '\0' ? status_text(status) : error.text);
    config_free(spec, target, NULL);
    *exit_code = status == STATUS_OK || status == STATUS_END ? EX_OK
                 : status == STATUS_INVALID                  ? EX_USAGE
                                                             : EX_CONFIG;
    return false;
}

void config_free(const struct config_spec *spec, void *target,
                 struct config_list *operands)
{
    const struct reading reading = {.spec = spec, .target = target};
    for (size_t i = 0; i < spec->key_count; i++) {
        const struct config_key *key = &spec->keys[i];
        if (key->type == CONFIG_TEXT) {
            char **text = field(&reading, key);
            free(*text);
            *text = NULL;
        } else if (key->type == CONFIG_LIST) {
            list_clear(field(&reading, key));
        }
    }
    if (operands != NULL) /* borrowed from argv */
        *operands = (struct config_list){NULL, 0};
}
