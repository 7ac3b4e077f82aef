/* SPDX-License-Identifier: Apache-2.0 */
/* cluster.h - the cluster that is measured: a trained model, `chw up` in a folder of its
 * own, and what each process has used of the CPU. */

#ifndef BENCH_CLUSTER_H
#define BENCH_CLUSTER_H

#include "base/error_text.h"
#include "bench/temporary.h"
#include "client/data_folder.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { CLUSTER_PROCESSES_MAX = 80, CLUSTER_NAME_MAX = 31 };

struct cluster_options {
    uint64_t workers, threads, seed;
    const char *store; /* NULL: an SQLite file in the folder */
    const char *estimator;
    uint64_t trees, depth; /* of boosting and forest; 0: as the trainer has it */
    const char *listen;    /* where clients connect; NULL: a socket in the folder */
    bool second;           /* train another version, too: alias "next" */
};

struct cluster_process {
    pid_t pid;
    char name[CLUSTER_NAME_MAX + 1]; /* "chw-worker" */
};

struct cluster {
    char home[TEMPORARY_SIZE]; /* the folder, removed at the end */
    struct data_folder folder;
    const char *store, *front;
    unsigned metrics_port; /* of the broker; the workers': cluster_worker_port() */
    pid_t up;              /* 0: not running */
    int signal;            /* that asked us to stop; 0: none */
    struct cluster_process processes[CLUSTER_PROCESSES_MAX];
    size_t process_count;
};

/* Makes the folder, trains and publishes "chd", starts the processes and waits until they
 * answer. Progress goes to stderr. On an error, too, cluster_stop() is due. */
MUST_CHECK enum status cluster_start(const struct cluster_options *options,
                                     struct cluster *out, struct error_text *error);

/* Drains the processes and removes the folder; `keep` leaves it, with the logs. */
void cluster_stop(struct cluster *self, bool keep);

/* STATUS_UNAVAILABLE: a process has ended, or a signal asks us to. */
MUST_CHECK enum status cluster_check(struct cluster *self, struct error_text *error);

/* STATUS_UNAVAILABLE: a process has ended and been replaced, so what was measured is not
 * what was asked for. */
MUST_CHECK enum status cluster_check_whole(const struct cluster *self,
                                           struct error_text *error);

/* Kills a worker, which `chw up` replaces. STATUS_NOT_FOUND: there is none. */
MUST_CHECK enum status cluster_kill_worker(struct cluster *self,
                                           struct error_text *error);

/* Waits until as many processes run as at the start, and notes their ids. */
MUST_CHECK enum status cluster_await_whole(struct cluster *self,
                                           struct error_text *error);

/* Where worker `number` of --workers, from 0, serves its metrics. */
unsigned cluster_worker_port(const struct cluster *self, size_t number);

/* Seconds of CPU that process `which` has used, in all its threads. */
double cluster_cpu_s(const struct cluster *self, size_t which);

#endif
