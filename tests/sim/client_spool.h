/* SPDX-License-Identifier: Apache-2.0 */
/* client_spool.h - a client's spool: the real one, on a disk in memory, and the truth of
 * what it accepted. Its caller asks it after a crash how far it came, reads on from there
 * and knows nothing of what was before: what the spool has lost is lost. */

#ifndef SIM_CLIENT_SPOOL_H
#define SIM_CLIENT_SPOOL_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct world;
struct client_node;
struct memory_disk;
struct spool;

struct client_spool {
    struct memory_disk *disk; /* NULL: this client has none */
    struct spool *spool;      /* NULL while the client is down */
    uint64_t accepted;        /* batches up to this one were promised to be kept */
    bool powerless;           /* the disk is about to go with the power */
};

void client_spool_init(struct client_spool *self, uint64_t seed);
void client_spool_close(struct client_spool *self);

/* The client has its answers and comes back. False: the disk failed. */
bool client_spool_open(struct world *world, struct client_node *client);
/* Its process ends. */
void client_spool_end(struct client_spool *self, bool power_cut);

/* The next batch, from the caller. STATUS_FULL: later; STATUS_IO: the process is to end.
 */
enum status client_spool_keep(struct world *world, struct client_node *client);
/* False likewise. */
bool client_spool_load(struct world *world, struct client_node *client,
                       uint64_t sequence);
bool client_spool_charge(struct client_node *client, uint64_t sequence);
/* What acked_below has passed: its answers are durable. */
bool client_spool_remove_below(struct client_node *client);

/* After so many steps of the disk the client is killed, or the power cut. */
void client_spool_doom(struct client_spool *self, uint32_t steps, bool power_cut);
/* One of its next steps fails. */
void client_spool_disturb(struct client_spool *self, uint32_t steps, enum status status);
/* Nothing goes wrong any more. */
void client_spool_spare(struct client_spool *self);

#endif
