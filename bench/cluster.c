/* SPDX-License-Identifier: Apache-2.0 */
/* cluster.c - children that are the real programs, and /proc. */
#include "bench/cluster.h"

#include "base/clock.h"
#include "bench/ports.h"
#include "bench/proc.h"
#include "client/probe.h"
#include "client/process.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum {
    TRAINING_ROWS = 50000,
    START_MS = 60000,
    STOP_MS = 30000,
    TICK_MS = 20,
    WORDS_MAX = 32,
    PATH_SIZE = TEMPORARY_SIZE + 32,
    BESIDE_WORKERS = 2, /* the broker and the optimizer: `chw up` numbers them first */
    REPLACED_MS = 30000,
};

struct words {
    const char *items[WORDS_MAX + 1];
    size_t count;
    char numbers[6][24];
    size_t number_count;
};

static void add(struct words *self, const char *flag, const char *value)
{
    self->items[self->count++] = flag;
    if (value != NULL)
        self->items[self->count++] = value;
}

static void add_number(struct words *self, const char *flag, uint64_t value)
{
    char *text = self->numbers[self->number_count++];
    snprintf(text, sizeof self->numbers[0], "%" PRIu64, value);
    add(self, flag, text);
}

static void path_of(const struct cluster *self, const char *name, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%s", self->home, name);
}

/* ---- children ---- */

static enum status start(const struct cluster *self, const struct words *words,
                         const char *log, pid_t *pid, struct error_text *error)
{
    char path[PATH_SIZE];
    path_of(self, log, path);
    const struct process_spec spec = {
        .argv = words->items, .log = path, .output = -1, .parent_dies = SIGTERM};
    return process_start(&spec, pid, error);
}

static enum status stopped_by(struct cluster *self, int number, struct error_text *error)
{
    self->signal = number;
    return error_set(error, STATUS_UNAVAILABLE, "stopped by signal %d", number);
}

/* A command to its end. */
static enum status run(struct cluster *self, const struct words *words, const char *log,
                       struct error_text *error)
{
    pid_t pid, ended;
    int code = 0;
    enum status status = start(self, words, log, &pid, error);
    if (status != STATUS_OK)
        return status;
    while (!process_reap(&ended, &code)) {
        int number = process_wait_signal(1000);
        if (number != 0 && number != SIGCHLD) {
            kill(pid, SIGTERM);
            return stopped_by(self, number, error);
        }
    }
    return code == EX_OK ? STATUS_OK
                         : error_set(error, STATUS_UNAVAILABLE,
                                     "%s ended with code %d; %s/%s says why",
                                     words->items[0], code, self->home, log);
}

/* ---- the model ---- */

static bool found_one(void *arg, const struct alias *alias)
{
    (void)alias;
    *(bool *)arg = true;
    return false;
}

/* What is published here must not replace what somebody serves. */
static enum status check_empty(const char *url, struct error_text *error)
{
    struct store *store;
    bool used = false;
    enum status status = store_open(url, &store, error);
    if (status != STATUS_OK)
        return status;
    status = store_aliases(store, found_one, &used, error);
    store_close(store);
    return status == STATUS_OK && used
               ? error_set(error, STATUS_TAKEN,
                           "the store has models: the benchmark wants an empty one")
               : status;
}

static enum status generate_people(struct cluster *self, const char *people,
                                   uint64_t seed, struct error_text *error)
{
    struct words words = {.items = {"chw", "generate"}, .count = 2};
    add_number(&words, "--rows", TRAINING_ROWS);
    add_number(&words, "--seed", seed);
    add(&words, "-o", people);
    return run(self, &words, "generate.log", error);
}

static void add_trees(struct words *words, const struct cluster_options *options)
{
    if (options->trees != 0) {
        add_number(words, "--rounds", options->trees);
        add(words, "--early-stopping", "0");
    }
    if (options->depth != 0)
        add_number(words, "--depth", options->depth);
}

/* As "chd", of people of their own, behind `alias`. */
static enum status train(struct cluster *self, const struct cluster_options *options,
                         uint64_t seed, const char *alias, struct error_text *error)
{
    char people[PATH_SIZE];
    struct words words = {.items = {"chw-train"}, .count = 1};
    path_of(self, "people.csv", people);
    fprintf(stderr, "training a model (%s)\n", options->estimator);
    enum status status = generate_people(self, people, seed, error);
    if (status != STATUS_OK)
        return status;
    add(&words, people, NULL);
    add(&words, "--target", "chd");
    add(&words, "--name", "chd");
    add(&words, "--id-column", "person_id");
    add(&words, "--drop", "diabetes");
    add(&words, "--drop", "region");
    add(&words, "--promote", alias);
    add(&words, "--estimator", options->estimator);
    add_trees(&words, options);
    return run(self, &words, "train.log", error);
}

static enum status train_all(struct cluster *self, const struct cluster_options *options,
                             struct error_text *error)
{
    enum status status = train(self, options, options->seed, "champion", error);
    return status == STATUS_OK && options->second
               ? train(self, options, options->seed + 1, "next", error)
               : status;
}

/* ---- the processes ---- */

static enum status note_process(struct cluster *self, pid_t pid)
{
    char path[64];
    struct cluster_process *process = &self->processes[self->process_count];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL || self->process_count == CLUSTER_PROCESSES_MAX)
        return file == NULL ? STATUS_OK : (fclose(file), STATUS_FULL);
    if (fscanf(file, "%31s", process->name) == 1) {
        process->pid = pid;
        self->process_count++;
    }
    fclose(file);
    return STATUS_OK;
}

/* The children of `chw up`, in the order in which they were started. */
static enum status find_processes(struct cluster *self, struct error_text *error)
{
    char path[64];
    int pid;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)self->up,
             (int)self->up);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return error_set(error, STATUS_IO, "%s: %s", path, strerror(errno));
    enum status status = STATUS_OK;
    while (status == STATUS_OK && fscanf(file, "%d", &pid) == 1)
        status = note_process(self, pid);
    fclose(file);
    return status == STATUS_FULL
               ? error_set(error, status, "more than %d processes", CLUSTER_PROCESSES_MAX)
               : status;
}

static enum status await_answer(struct cluster *self, struct error_text *error)
{
    struct probe *probe;
    uint64_t end_ms = clock_monotonic_ms() + START_MS;
    enum status status = probe_open(self->front, self->folder.back, false, &probe, error);
    if (status != STATUS_OK)
        return status;
    while (status == STATUS_OK && !probe_answers(probe, TICK_MS)) {
        status = cluster_check(self, error);
        if (status == STATUS_OK && clock_monotonic_ms() > end_ms)
            status = error_set(error, STATUS_UNAVAILABLE,
                               "the cluster does not answer; %s/cluster.log says more",
                               self->home);
    }
    probe_close(probe);
    return status;
}

static enum status start_processes(struct cluster *self,
                                   const struct cluster_options *options,
                                   struct error_text *error)
{
    struct words up = {.items = {"chw", "up"}, .count = 2};
    add(&up, "--data", self->home);
    add_number(&up, "--workers", options->workers);
    add_number(&up, "--threads", options->threads);
    if (options->listen != NULL)
        add(&up, "--listen", options->listen);
    self->metrics_port = ports_free(BESIDE_WORKERS + (unsigned)options->workers);
    if (self->metrics_port != 0)
        add_number(&up, "--metrics-port", self->metrics_port);
    fprintf(stderr, "starting the cluster\n");
    enum status status = start(self, &up, "cluster.log", &self->up, error);
    if (status == STATUS_OK)
        status = await_answer(self, error);
    return status == STATUS_OK ? find_processes(self, error) : status;
}

enum status cluster_start(const struct cluster_options *options, struct cluster *out,
                          struct error_text *error)
{
    *out = (struct cluster){.up = 0};
    enum status status = temporary_folder("chw-bench", out->home, error);
    if (status == STATUS_OK)
        status = data_folder_name(out->home, &out->folder, error);
    if (status != STATUS_OK)
        return status;
    out->store = options->store == NULL ? out->folder.store : options->store;
    out->front = options->listen == NULL ? out->folder.front : options->listen;
    setenv("CHW_STORE", out->store,
           1); /* for the children: not seen in their arguments */
    status = check_empty(out->store, error);
    if (status == STATUS_OK)
        status = train_all(out, options, error);
    return status == STATUS_OK ? start_processes(out, options, error) : status;
}

enum status cluster_check(struct cluster *self, struct error_text *error)
{
    pid_t pid;
    int code, number = process_wait_signal(0);
    if (number != 0 && number != SIGCHLD)
        return stopped_by(self, number, error);
    while (process_reap(&pid, &code))
        if (pid == self->up) {
            self->up = 0;
            return error_set(error, STATUS_UNAVAILABLE,
                             "the cluster ended with code %d; %s/cluster.log says why",
                             code, self->home);
        }
    return STATUS_OK;
}

enum status cluster_check_whole(const struct cluster *self, struct error_text *error)
{
    for (size_t i = 0; i < self->process_count; i++)
        if (kill(self->processes[i].pid, 0) != 0)
            return error_set(error, STATUS_UNAVAILABLE,
                             "%s (process %d) ended during a run, which says nothing "
                             "now; %s/cluster.log says why",
                             self->processes[i].name, (int)self->processes[i].pid,
                             self->home);
    return STATUS_OK;
}

/* ---- a worker that dies ---- */

static bool is_worker(const struct cluster_process *process)
{
    return strcmp(process->name, "chw-worker") == 0;
}

enum status cluster_kill_worker(struct cluster *self, struct error_text *error)
{
    for (size_t i = 0; i < self->process_count; i++)
        if (is_worker(&self->processes[i]) && kill(self->processes[i].pid, SIGKILL) == 0)
            return STATUS_OK;
    return error_set(error, STATUS_NOT_FOUND, "there is no worker to kill");
}

enum status cluster_await_whole(struct cluster *self, struct error_text *error)
{
    size_t wanted = self->process_count;
    uint64_t end_ms = clock_monotonic_ms() + REPLACED_MS;
    enum status status;
    do {
        int number = process_wait_signal(TICK_MS);
        if (number != 0 && number != SIGCHLD)
            return stopped_by(self, number, error);
        self->process_count = 0;
        status = find_processes(self, error);
        if (status == STATUS_OK)
            status = cluster_check(self, error);
    } while (status == STATUS_OK && self->process_count < wanted &&
             clock_monotonic_ms() < end_ms);
    return status == STATUS_OK && self->process_count < wanted
               ? error_set(error, STATUS_UNAVAILABLE, "a worker was not replaced")
               : status;
}

unsigned cluster_worker_port(const struct cluster *self, size_t number)
{
    return self->metrics_port == 0
               ? 0
               : self->metrics_port + BESIDE_WORKERS + (unsigned)number;
}

/* ---- the end ---- */

/* It holds files and sockets, no folders. */
static void remove_folder(const char *path)
{
    char file[PATH_SIZE + 256];
    DIR *folder = opendir(path);
    if (folder == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(file);
    }
    closedir(folder);
    rmdir(path);
}

void cluster_stop(struct cluster *self, bool keep)
{
    uint64_t end_ms = clock_monotonic_ms() + STOP_MS;
    pid_t pid;
    int code;
    if (self->up != 0)
        kill(self->up, SIGTERM);
    while (self->up != 0 && clock_monotonic_ms() < end_ms) {
        process_wait_signal(TICK_MS);
        while (process_reap(&pid, &code))
            if (pid == self->up)
                self->up = 0;
    }
    if (self->up != 0)
        kill(self->up, SIGKILL);
    if (keep && self->home[0] != '\0')
        fprintf(stderr, "kept: %s\n", self->home);
    else if (self->home[0] != '\0')
        remove_folder(self->home);
}

/* ---- CPU ---- */

double cluster_cpu_s(const struct cluster *self, size_t which)
{
    return proc_cpu_s(self->processes[which].pid);
}
