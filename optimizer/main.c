/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - chw-optimizer: demand + allocation -> linear program -> plan, published. As a
 * daemon, or once as `chw plan solve`; `chw plan show` prints. */
#include "base/config.h"
#include "base/log.h"
#include "metrics/metrics_server.h"
#include "optimizer/commands.h"
#include "optimizer/daemon.h"
#include "store/store.h"

#include <string.h>

#define KEY(name, type, field) name, type, offsetof(struct daemon_config, field)
static const struct config_key keys[] = {
    {KEY("store", CONFIG_TEXT, store), "sqlite:store.db", 0, 0, "URL",
     "where the demand is and plans go: " STORE_URL_FORMS},
    {KEY("allocation", CONFIG_TEXT, allocation), "allocation.yaml", 0, 0, "FILE",
     "what there is to plan with; read again each round"},
    {KEY("every-s", CONFIG_COUNT, every_s), "30", 1, 86400, "S",
     "seconds from one look at the demand to the next"},
    {KEY("insecure", CONFIG_FLAG, insecure), NULL, 0, 0, NULL,
     "allow a metrics address that is not loopback"},
    {KEY("metrics", CONFIG_TEXT, metrics), NULL, 0, 0, "ADDRESS:PORT",
     "serve /metrics and /health there by HTTP, such as 127.0.0.1:9103"},
    {KEY("log-level", CONFIG_TEXT, log_level), "info", 0, 0, "LEVEL",
     "debug, info, warn or error"},
    {KEY("log-format", CONFIG_TEXT, log_format), "text", 0, 0, "FORMAT",
     "text, or json: one object a line"},
    {KEY("config", CONFIG_TEXT, config), NULL, 0, 0, "FILE",
     "read options from a YAML file"},
};
#undef KEY

static enum status check_config(const void *target, struct error_text *error)
{
    const struct daemon_config *config = target;
    enum status status = log_configure("chw-optimizer", config->log_level, error);
    if (status == STATUS_OK)
        status = log_set_format(config->log_format, error);
    if (status != STATUS_OK || config->metrics == NULL)
        return status;
    status = metrics_address_check(config->metrics, config->insecure, error);
    return status == STATUS_OK ? STATUS_OK : error_prefix(error, status, "metrics");
}

static const struct config_spec spec = {
    .program = "chw-optimizer",
    .summary = "Plan what each region gets, again whenever the demand has changed.",
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .check = check_config,
    .notes = "Once, with the plan printed: `chw plan solve`. SIGTERM and SIGINT end it "
             "with 0.",
};

static int run_daemon(int argc, char **argv)
{
    struct daemon_config config = {0};
    struct error_text error = {""};
    int exit_code;
    log_open("chw-optimizer", LOG_INFO);
    if (!config_load(&spec, argc, argv, &config, NULL, &exit_code))
        return exit_code;
    enum status status = check_config(&config, &error);
    if (status == STATUS_OK)
        status = daemon_run(&config, &error);
    if (status != STATUS_OK)
        log_error("ended", "reason=\"%s\"", error.text);
    config_free(&spec, &config, NULL);
    return status_exit_code(status);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "solve") == 0)
        return command_solve(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "show") == 0)
        return command_show(argc - 1, argv + 1);
    return run_daemon(argc, argv);
}
