/* SPDX-License-Identifier: Apache-2.0 */
/* command_up.c - chw up: folder, lock, children, `ready`, signals, drain. What to do when
 * is decided in supervisor.c. */
#include "base/clock.h"
#include "base/config.h"
#include "base/file.h"
#include "base/log.h"
#include "client/commands.h"
#include "client/data_folder.h"
#include "client/probe.h"
#include "client/process.h"
#include "client/supervisor.h"
#include "store/store.h"
#include "wire/socket.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum {
    WORKERS_MAX = 64,
    BROKERS_MAX = DATA_FOLDER_BROKERS_MAX,
    CHILDREN_MAX = BROKERS_MAX + 1 + WORKERS_MAX,
    ENDPOINT_SIZE = 256,
    PORT_MAX = 65535 - CHILDREN_MAX,
    START_MS = 30000,
    PROBE_MS = 20,
    IDLE_MS = 60000,
};

struct up_config {
    char *data, *store, *store_durability, *allocation, *listen, *log_level, *log_format;
    uint64_t brokers, workers, threads, metrics_port, grace_ms;
    bool insecure;
};

#define KEY(name, type, field) name, type, offsetof(struct up_config, field)
static const struct config_key keys[] = {
    {KEY("brokers", CONFIG_COUNT, brokers), "1", 1, BROKERS_MAX, "N",
     "broker processes, to all of which each worker connects"},
    {KEY("workers", CONFIG_COUNT, workers), "2", 1, WORKERS_MAX, "N", "worker processes"},
    {KEY("threads", CONFIG_COUNT, threads), "1", 1, 256, "N",
     "scoring threads of each worker"},
    {KEY("data", CONFIG_TEXT, data), DATA_FOLDER_DEFAULT, 0, 0, "DIR",
     "the data folder, made where there is none"},
    {KEY("store", CONFIG_TEXT, store), NULL, 0, 0, "URL",
     STORE_URL_FORMS " (default: sqlite:DIR/store.db)"},
    {KEY("store-durability", CONFIG_TEXT, store_durability), "strict", 0, 0, "MODE",
     "strict, or weak: count even where the store may forget it"},
    {KEY("allocation", CONFIG_TEXT, allocation), NULL, 0, 0, "FILE",
     "what there is to plan with (default: DIR/allocation.yaml)"},
    {KEY("listen", CONFIG_TEXT, listen), NULL, 0, 0, "LIST",
     "where clients connect: an address for each broker, by commas (default: "
     "ipc://DIR/front.ipc, front2.ipc ...)"},
    {KEY("insecure", CONFIG_FLAG, insecure), NULL, 0, 0, NULL,
     "allow a TCP address that is not loopback"},
    {KEY("metrics-port", CONFIG_COUNT, metrics_port), NULL, 1, PORT_MAX, "PORT",
     "serve the first broker's metrics and health there on loopback, those of the other "
     "brokers, the optimizer and the workers on the ports after it"},
    {KEY("grace-ms", CONFIG_COUNT, grace_ms), "20000", 100, 3600000, "MS",
     "how long each has to drain before it is killed"},
    {KEY("log-level", CONFIG_TEXT, log_level), "info", 0, 0, "LEVEL",
     "debug, info, warn or error"},
    {KEY("log-format", CONFIG_TEXT, log_format), "text", 0, 0, "FORMAT", "text or json"},
};
#undef KEY

static const struct config_spec spec = {
    .program = "chw up",
    .summary = "Run brokers, workers and the optimizer on this machine, with one data "
               "folder.",
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .notes =
        "Prints `ready` when a worker answers through a broker. What dies is "
        "started again.\nCtrl-C or SIGTERM drains and exits 0; a second one does not "
        "wait. Commands with the\nsame --data find this cluster; after --listen "
        "tcp://127.0.0.1:5555, chw score needs\n--broker tcp://127.0.0.1:5555.\n",
};

struct up {
    const struct up_config *config;
    struct data_folder folder;
    const char *front, *allocation; /* `front`: a list, as the folder's `back` */
    int lock;
    struct supervisor *supervisor;
    size_t child_count;
    pid_t pids[CHILDREN_MAX]; /* 0: not running */
    struct probe *probe;      /* NULL once it answered */
    uint64_t started_ms;
};

/* ---- children ---- */

enum { ARGUMENTS_MAX = 16 };

struct arguments {
    const char *items[ARGUMENTS_MAX + 1];
    size_t count;
    char front[ENDPOINT_SIZE], back[ENDPOINT_SIZE], threads[24], metrics[32];
};

static void add_pair(struct arguments *self, const char *flag, const char *value)
{
    self->items[self->count++] = flag;
    self->items[self->count++] = value;
}

/* The one with this number, from 0, of a list; it is in it. */
static void take_item(const char *list, size_t number, char out[ENDPOINT_SIZE])
{
    for (; number > 0; number--)
        list += strcspn(list, ",") + 1;
    snprintf(out, ENDPOINT_SIZE, "%.*s", (int)strcspn(list, ","), list);
}

static void broker_arguments(const struct up *self, size_t child,
                             struct arguments *arguments)
{
    take_item(self->front, child, arguments->front);
    take_item(self->folder.back, child, arguments->back);
    add_pair(arguments, "--front", arguments->front);
    add_pair(arguments, "--back", arguments->back);
    if (self->config->insecure)
        arguments->items[arguments->count++] = "--insecure";
}

static void optimizer_arguments(const struct up *self, size_t child,
                                struct arguments *arguments)
{
    (void)child;
    add_pair(arguments, "--allocation", self->allocation);
}

static void worker_arguments(const struct up *self, size_t child,
                             struct arguments *arguments)
{
    (void)child;
    snprintf(arguments->threads, sizeof arguments->threads, "%" PRIu64,
             self->config->threads);
    add_pair(arguments, "--broker", self->folder.back);
    add_pair(arguments, "--threads", arguments->threads);
    add_pair(arguments, "--store-durability", self->config->store_durability);
}

static void common_arguments(const struct up *self, size_t child,
                             struct arguments *arguments)
{
    const struct up_config *config = self->config;
    add_pair(arguments, "--log-level", config->log_level);
    add_pair(arguments, "--log-format", config->log_format);
    if (config->metrics_port == 0)
        return;
    snprintf(arguments->metrics, sizeof arguments->metrics, "127.0.0.1:%" PRIu64,
             config->metrics_port + child);
    add_pair(arguments, "--metrics", arguments->metrics);
}

struct role {
    const char *program;
    void (*add_arguments)(const struct up *self, size_t child,
                          struct arguments *arguments);
};

/* Brokers, the optimizer, workers. */
static const struct role *role_of(const struct up *self, size_t child)
{
    static const struct role broker = {"chw-broker", broker_arguments},
                             optimizer = {"chw-optimizer", optimizer_arguments},
                             worker = {"chw-worker", worker_arguments};
    if (child < self->config->brokers)
        return &broker;
    return child == self->config->brokers ? &optimizer : &worker;
}

static const char *child_name(const struct up *self, size_t child)
{
    return role_of(self, child)->program;
}

static void note_end(struct up *self, size_t child, int exit_code)
{
    uint64_t delay_ms;
    bool asked = supervisor_is_stopping(self->supervisor);
    self->pids[child] = 0;
    if (supervisor_exited(self->supervisor, child, exit_code, clock_monotonic_ms(),
                          &delay_ms))
        log_warn("restart", "child=%s number=%zu code=%d delay_ms=%" PRIu64,
                 child_name(self, child), child, exit_code, delay_ms);
    else if (!asked)
        log_error("start_failed", "child=%s number=%zu code=%d", child_name(self, child),
                  child, exit_code);
    else
        log_info("stopped", "child=%s number=%zu code=%d", child_name(self, child), child,
                 exit_code);
}

static void start_child(struct up *self, size_t child)
{
    struct arguments arguments = {.items = {child_name(self, child)}, .count = 1};
    struct error_text error;
    role_of(self, child)->add_arguments(self, child, &arguments);
    common_arguments(self, child, &arguments);
    const struct process_spec process = {
        .argv = arguments.items, .output = -1, .parent_dies = SIGKILL};
    if (process_start(&process, &self->pids[child], &error) == STATUS_OK) {
        log_info("started", "child=%s number=%zu pid=%d", child_name(self, child), child,
                 (int)self->pids[child]);
        return;
    }
    log_error("not_started", "child=%s reason=\"%s\"", child_name(self, child),
              error.text);
    note_end(self, child, EX_OSERR);
}

static void reap(struct up *self)
{
    pid_t pid;
    int exit_code;
    while (process_reap(&pid, &exit_code))
        for (size_t i = 0; i < self->child_count; i++)
            if (self->pids[i] == pid)
                note_end(self, i, exit_code);
}

/* ---- the loop ---- */

/* True: all are gone. */
static bool act(struct up *self)
{
    for (;;) {
        struct supervisor_step step =
            supervisor_next(self->supervisor, clock_monotonic_ms());
        if (step.action == SUPERVISOR_NOTHING)
            return false;
        if (step.action == SUPERVISOR_END)
            return true;
        if (step.action == SUPERVISOR_START) {
            start_child(self, step.child);
        } else {
            bool kills = step.action == SUPERVISOR_KILL;
            if (kills)
                log_warn("killed", "child=%s number=%zu", child_name(self, step.child),
                         step.child);
            kill(self->pids[step.child], kills ? SIGKILL : SIGTERM);
        }
    }
}

static void note_signal(struct up *self, int number)
{
    if (number == 0 || number == SIGCHLD)
        return;
    log_info("stopping", "signal=%d", number);
    supervisor_stop(self->supervisor, EX_OK);
}

static void end_probe(struct up *self)
{
    probe_close(self->probe);
    self->probe = NULL;
}

/* While the cluster does not answer yet. */
static void watch_start(struct up *self)
{
    if (probe_answers(self->probe, PROBE_MS)) {
        reap(self); /* one that died has not started */
        if (supervisor_is_stopping(self->supervisor))
            return;
        end_probe(self);
        supervisor_ready(self->supervisor);
        printf("ready data=%s front=%s workers=%" PRIu64 "\n", self->config->data,
               self->front, self->config->workers);
        fflush(stdout);
    } else if (clock_monotonic_ms() - self->started_ms > START_MS) {
        log_error("start_failed", "reason=\"no worker answered within %d s\"",
                  START_MS / 1000);
        supervisor_stop(self->supervisor, EX_UNAVAILABLE);
    }
}

static uint64_t wait_ms(const struct up *self)
{
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t deadline_ms = supervisor_deadline_ms(self->supervisor);
    if (deadline_ms <= now_ms)
        return 0;
    return deadline_ms - now_ms < IDLE_MS ? deadline_ms - now_ms : IDLE_MS;
}

static int run(struct up *self)
{
    self->started_ms = clock_monotonic_ms();
    while (!act(self)) {
        bool starting = self->probe != NULL && !supervisor_is_stopping(self->supervisor);
        if (starting)
            watch_start(self);
        note_signal(self, process_wait_signal(starting ? 0 : wait_ms(self)));
        reap(self);
    }
    return supervisor_exit_code(self->supervisor);
}

/* ---- begin and end ---- */

/* An address to listen on for each broker. */
static enum status check_listen(const struct up_config *config, struct error_text *error)
{
    char endpoint[ENDPOINT_SIZE];
    uint64_t count = 1;
    enum status status = STATUS_OK;
    for (const char *at = config->listen; *at != '\0'; at++)
        count += *at == ',';
    if (count != config->brokers)
        return error_set(error, STATUS_INVALID,
                         "listen has %" PRIu64 " addresses, and brokers is %" PRIu64,
                         count, config->brokers);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        take_item(config->listen, i, endpoint);
        status = strlen(endpoint) == ENDPOINT_SIZE - 1
                     ? error_set(error, STATUS_INVALID, "listen: an address is too long")
                     : endpoint_check(endpoint, config->insecure, error);
    }
    return status;
}

static enum status prepare_folder(struct up *self, struct error_text *error)
{
    enum status status = data_folder_name(self->config->data, &self->folder, error);
    if (status == STATUS_OK)
        status = data_folder_set_brokers(&self->folder, self->config->brokers, error);
    if (status == STATUS_OK)
        status = file_make_folder(self->config->data, error);
    if (status == STATUS_OK)
        status = file_lock(self->folder.lock, &self->lock, error);
    return status == STATUS_TAKEN
               ? error_prefix(error, status, "another cluster has this data folder")
               : status;
}

/* The store's address may hold a password: children get it by the environment, which only
 * its owner can read, not as an argument for all to see. */
static void choose_places(struct up *self)
{
    const struct up_config *config = self->config;
    self->front = config->listen != NULL ? config->listen : self->folder.front;
    self->allocation =
        config->allocation != NULL ? config->allocation : self->folder.allocation;
    setenv("CHW_STORE", config->store != NULL ? config->store : self->folder.store, 1);
}

static enum status prepare(struct up *self, struct error_text *error)
{
    const struct supervisor_limits limits = {
        .broker_count = self->config->brokers,
        .child_count = self->child_count,
        .restart_min_ms = 100,
        .restart_max_ms = 10000,
        .healthy_ms = 30000,
        .grace_ms = self->config->grace_ms,
    };
    enum log_level level;
    if (log_level_parse(self->config->log_level, &level) != STATUS_OK)
        return error_set(error, STATUS_INVALID,
                         "log-level is '%s'; expected debug, info, warn or error",
                         self->config->log_level);
    enum status status = log_set_format(self->config->log_format, error);
    if (status != STATUS_OK)
        return status;
    log_open("chw-up", level);
    if (self->config->listen != NULL)
        status = check_listen(self->config, error);
    if (status == STATUS_OK)
        status = prepare_folder(self, error);
    if (status != STATUS_OK)
        return status;
    data_folder_forget_brokers(&self->folder, self->config->brokers);
    choose_places(self);
    self->supervisor = supervisor_new(&limits);
    if (self->supervisor == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    return probe_open(self->front, self->folder.back, self->config->insecure,
                      &self->probe, error);
}

int command_up(int argc, char **argv)
{
    struct up_config config = {0};
    struct error_text error;
    int exit_code;
    if (!config_load(&spec, argc, argv, &config, NULL, &exit_code))
        return exit_code;
    struct up up = {.config = &config,
                    .lock = -1,
                    .child_count = config.brokers + 1 + config.workers};
    process_signals();
    enum status status = prepare(&up, &error);
    if (status == STATUS_OK) {
        exit_code = run(&up);
    } else {
        exit_code = status_exit_code(status);
        fprintf(stderr, "chw up: %s\n", error.text);
    }
    probe_close(up.probe);
    supervisor_free(up.supervisor);
    if (up.lock >= 0)
        close(up.lock);
    config_free(&spec, &config, NULL);
    return exit_code;
}
