/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - a table of typed keys becomes flags, environment, a YAML file and --help.
 *
 *      default  <  file (--config FILE)  <  CHW_<PROGRAM-FREE NAME>  <  --flag
 *
 * Every program and every chw subcommand describes its options once:
 *
 *      struct broker_config { char *front; uint64_t lease_ms; bool insecure; };
 *      static const struct config_key keys[] = {
 *          {"front", CONFIG_TEXT, offsetof(struct broker_config, front), "ipc://front.ipc",
 *           0, 0, "ENDPOINT", "where clients connect"},
 *          {"lease-ms", CONFIG_COUNT, offsetof(struct broker_config, lease_ms), "10000",
 *           100, 3600000, "MS", "how long a worker may hold a batch without progress"},
 *          {"insecure", CONFIG_FLAG, offsetof(struct broker_config, insecure), NULL,
 *           0, 0, NULL, "allow TCP addresses that are not loopback"},
 *      };
 *
 * The key `lease-ms` is the flag --lease-ms, the variable CHW_LEASE_MS and the YAML key
 * `lease-ms`. An unknown YAML key is an error that names the file and the line. */

#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/error_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_type {
    CONFIG_TEXT,  /* char *: owned by the target; NULL where there is no default */
    CONFIG_COUNT, /* uint64_t within [min, max] */
    CONFIG_REAL,  /* double; min and max are not used */
    CONFIG_FLAG,  /* bool: takes no argument; default false */
    CONFIG_LIST,  /* struct config_list: may be given several times; a YAML sequence */
};

struct config_list {
    char **items; /* owned */
    size_t count;
};

struct config_key {
    const char *name; /* lower case, words joined by '-' */
    enum config_type type;
    size_t offset;        /* of the field in the target struct */
    const char *fallback; /* the default as text; NULL: none */
    uint64_t min, max;    /* CONFIG_COUNT only; both 0: any */
    const char *argument; /* how --help names the value: "FILE" */
    const char *help;     /* one line */
};

struct config_spec {
    const char *program;  /* "chw-broker", or "chw score" */
    const char *summary;  /* one sentence under the usage line */
    const char *operands; /* "FILE", or NULL where none is taken */
    size_t operands_min, operands_max;
    const struct config_key *keys;
    size_t key_count;
    /* Beyond types and bounds, run by --check-config; may be NULL. */
    enum status (*check)(const void *target, struct error_text *error);
    const char *notes; /* examples and exit codes after the options in --help; may be NULL */
};

/* Fill `target` (zeroed by the caller) from the four sources. `argv[0]` is skipped.
 * `operands` receives what is not an option, borrowed from argv; may be NULL where
 * none is taken. `--name value` and `--name=value`; `-o` is short for a key "output",
 * `-h` for --help.
 *
 * --check-config reads all sources, runs `check` and exits 0, or says what is wrong;
 * --print-config does so and prints what holds as YAML, with each value's source as a
 * comment and secrets as ***.
 *
 * True: go on. False: one of these or --help was served or an error printed; end with *exit_code. */
MUST_CHECK bool config_load(const struct config_spec *spec, int argc, char **argv, void *target,
                            struct config_list *operands, int *exit_code);

/* The same without a process around it: `environment` is a NULL-terminated list of
 * NAME=value, and the sentence goes to `error`. STATUS_END: --help was asked for. */
MUST_CHECK enum status config_read(const struct config_spec *spec, int argc, char **argv,
                                   char *const *environment, void *target,
                                   struct config_list *operands, struct error_text *error);

/* Frees what config_load put into the fields and zeroes them. NULL operands: none. */
void config_free(const struct config_spec *spec, void *target, struct config_list *operands);

#endif
