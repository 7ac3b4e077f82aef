/* SPDX-License-Identifier: Apache-2.0 */
/* pass.c - what a scoring needs, as long as anyone needs the scoring. */
#include "worker/pass.h"

#include <stdlib.h>

static void pass_free(struct pass *self)
{
    scoring_free(self->scoring);
    serving_free(self->serving);
    gathering_free(self->gathering);
    free(self);
}

enum status pass_new(const struct columns *columns, struct gathering *gathering,
                     struct serving *serving, uint32_t explain, struct pass **out,
                     struct error_text *error)
{
    *out = NULL;
    struct pass *self = calloc(1, sizeof *self);
    if (self == NULL) {
        gathering_free(gathering);
        serving_free(serving);
        return error_set(error, STATUS_NOMEM, "out of memory");
    }
    *self = (struct pass){.serving = serving, .gathering = gathering, .holders = 1};
    enum status status = scoring_new(columns, serving, explain, &self->scoring, error);
    if (status != STATUS_OK) {
        pass_free(self);
        return status;
    }
    *out = self;
    return STATUS_OK;
}

struct pass *pass_hold(struct pass *self)
{
    self->holders++;
    return self;
}

void pass_drop(struct pass *self)
{
    if (self != NULL && --self->holders == 0)
        pass_free(self);
}
