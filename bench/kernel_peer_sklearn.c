/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_peer_sklearn.c - peer_sklearn.py, installed beside this program, says the lines
 * and the files. */
#include "bench/kernel_peer_sklearn.h"

#include "base/file.h"
#include "bench/temporary.h"
#include "client/process.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char program[] = "chw-bench-peer-sklearn";

enum { LINE_SIZE = 512, PATH_SIZE = TEMPORARY_SIZE + 32 };

struct kernel_sklearn {
    pid_t pid;
    int socket;
    FILE *answers; /* of the same socket */
    char folder[TEMPORARY_SIZE];
    char version[64];
};

/* ---- the process ---- */

/* `*rest`: what comes after the expected word. */
static enum status read_answer(struct kernel_sklearn *self, const char *expected,
                               char line[LINE_SIZE], const char **rest,
                               struct error_text *error)
{
    if (fgets(line, LINE_SIZE, self->answers) == NULL)
        return error_set(error, STATUS_UNAVAILABLE, "%s ended", program);
    line[strcspn(line, "\n")] = '\0';
    size_t size = strlen(expected);
    if (strncmp(line, expected, size) != 0)
        return error_set(error, STATUS_UNAVAILABLE, "%s: %.300s", program, line);
    *rest = line + size + (line[size] == ' ');
    return STATUS_OK;
}

static enum status say(struct kernel_sklearn *self, struct error_text *error,
                       const char *format, ...) __attribute__((format(printf, 3, 4)));

static enum status say(struct kernel_sklearn *self, struct error_text *error,
                       const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    assert(size > 0 && size < LINE_SIZE);
    return send(self->socket, line, (size_t)size, MSG_NOSIGNAL) == size
               ? STATUS_OK
               : error_set(error, STATUS_UNAVAILABLE, "%s ended", program);
}

/* In a group of its own: Ctrl-C ends us, and then it, in order. */
static int spawn(const char *path, int socket, pid_t *pid)
{
    extern char **environ;
    char name[] = "chw-bench-peer-sklearn";
    char *const words[] = {name, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, socket, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    int result = posix_spawn(pid, path, &actions, &attributes, words, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return result;
}

static enum status start(struct kernel_sklearn *self, struct error_text *error)
{
    char path[PROCESS_PATH_SIZE];
    int ends[2];
    if (!process_sibling(program, path))
        return error_set(error, STATUS_UNAVAILABLE, "%s cannot be found", program);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return error_set(error, STATUS_IO, "socketpair: %s", strerror(errno));
    self->socket = ends[0];
    int failed = spawn(path, ends[1], &self->pid);
    close(ends[1]);
    if (failed != 0) {
        self->pid = 0;
        return error_set(error, STATUS_UNAVAILABLE, "%s: %s", path, strerror(failed));
    }
    self->answers = fdopen(dup(self->socket), "r");
    return self->answers == NULL ? STATUS_NOMEM : STATUS_OK;
}

static enum status greet(struct kernel_sklearn *self, struct error_text *error)
{
    char line[LINE_SIZE];
    const char *version;
    enum status status = say(self, error, "%s\n", self->folder);
    if (status == STATUS_OK)
        status = read_answer(self, "ready", line, &version, error);
    if (status == STATUS_OK)
        snprintf(self->version, sizeof self->version, "%.60s", version);
    return status;
}

enum status kernel_sklearn_open(struct kernel_sklearn **out, struct error_text *error)
{
    struct kernel_sklearn *self = calloc(1, sizeof *self);
    if (self == NULL)
        return STATUS_NOMEM;
    self->socket = -1;
    enum status status = temporary_folder("chw-bench-sklearn", self->folder, error);
    if (status == STATUS_OK)
        status = start(self, error);
    if (status == STATUS_OK)
        status = greet(self, error);
    if (status == STATUS_OK)
        *out = self;
    else
        kernel_sklearn_close(self);
    return status;
}

void kernel_sklearn_close(struct kernel_sklearn *self)
{
    if (self == NULL)
        return;
    if (self->answers != NULL)
        fclose(self->answers);
    if (self->socket >= 0)
        close(self->socket);
    if (self->pid > 0)
        waitpid(self->pid, NULL, 0);
    rmdir(self->folder); /* where the process could not */
    free(self);
}

const char *kernel_sklearn_version(const struct kernel_sklearn *self)
{
    return self->version;
}

/* ---- files ---- */

static void path_of(const struct kernel_sklearn *self, const char *name,
                    char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%s", self->folder, name);
}

static enum status write_floats(const struct kernel_sklearn *self, const char *name,
                                const float *values, size_t count,
                                struct error_text *error)
{
    char path[PATH_SIZE];
    path_of(self, name, path);
    FILE *file = fopen(path, "w");
    bool written = file != NULL && fwrite(values, sizeof *values, count, file) == count;
    if (file != NULL)
        written = fclose(file) == 0 && written;
    return written ? STATUS_OK
                   : error_set(error, STATUS_IO, "%s: cannot be written", path);
}

/* *bytes is the caller's to free. */
static enum status read_bytes(const struct kernel_sklearn *self, const char *name,
                              uint8_t **bytes, size_t *size, struct error_text *error)
{
    char path[PATH_SIZE];
    path_of(self, name, path);
    return file_read(path, (size_t)1 << 30, bytes, size, error);
}

/* ---- models: see peer_sklearn.py ---- */

struct reading {
    const uint8_t *bytes;
    size_t left;
};

/* NULL: there are not so many numbers of 8 bytes. */
static const uint8_t *take_numbers(struct reading *self, size_t count)
{
    if (count > self->left / 8)
        return NULL;
    const uint8_t *numbers = self->bytes;
    self->bytes += 8 * count;
    self->left -= 8 * count;
    return numbers;
}

static int64_t integer_at(const uint8_t *numbers, size_t index)
{
    int64_t value;
    memcpy(&value, numbers + 8 * index, sizeof value);
    return value;
}

static double real_at(const uint8_t *numbers, size_t index)
{
    double value;
    memcpy(&value, numbers + 8 * index, sizeof value);
    return value;
}

float kernel_sklearn_threshold(double t)
{
    float below = (float)t;
    if ((double)below > t)
        below = nextafterf(below, -INFINITY);
    return nextafterf(below, INFINITY);
}

static bool make_tree(Chw__Tree *tree, size_t count)
{
    tree->input = calloc(count, sizeof *tree->input);
    tree->threshold = calloc(count, sizeof *tree->threshold);
    tree->left = calloc(count, sizeof *tree->left);
    tree->right = calloc(count, sizeof *tree->right);
    tree->cover = calloc(count, sizeof *tree->cover);
    tree->default_left.data = calloc(count, 1);
    if (tree->input == NULL || tree->threshold == NULL || tree->left == NULL ||
        tree->right == NULL || tree->cover == NULL || tree->default_left.data == NULL)
        return false;
    tree->n_input = tree->n_threshold = tree->n_left = tree->n_right = tree->n_cover =
        tree->default_left.len = count;
    return true;
}

struct node_columns {
    const uint8_t *left, *right, *input, *threshold, *share, *weight;
};

static void fill_node(Chw__Tree *tree, const struct node_columns *from, size_t i)
{
    bool leaf = integer_at(from->left, i) < 0;
    tree->cover[i] = (float)real_at(from->weight, i);
    tree->threshold[i] = leaf ? (float)real_at(from->share, i)
                              : kernel_sklearn_threshold(real_at(from->threshold, i));
    if (leaf)
        return;
    tree->left[i] = (uint32_t)integer_at(from->left, i);
    tree->right[i] = (uint32_t)integer_at(from->right, i);
    tree->input[i] = (uint32_t)integer_at(from->input, i);
}

static enum status read_tree(struct reading *self, Chw__Tree *tree)
{
    const uint8_t *first = take_numbers(self, 1);
    if (first == NULL)
        return STATUS_MALFORMED;
    size_t count = (size_t)integer_at(first, 0);
    struct node_columns from = {take_numbers(self, count), take_numbers(self, count),
                                take_numbers(self, count), take_numbers(self, count),
                                take_numbers(self, count), take_numbers(self, count)};
    if (from.weight == NULL) /* the last: then there are the others */
        return STATUS_MALFORMED;
    if (!make_tree(tree, count))
        return STATUS_NOMEM;
    for (size_t i = 0; i < count; i++)
        fill_node(tree, &from, i);
    return STATUS_OK;
}

static enum status read_forest(struct reading *self, size_t tree_count, Chw__Model *model)
{
    Chw__Trees *trees = calloc(1, sizeof *trees);
    if (trees == NULL)
        return STATUS_NOMEM;
    chw__trees__init(trees);
    trees->aggregate = CHW__TREES__AGGREGATE__MEAN;
    model->estimator_case = CHW__MODEL__ESTIMATOR_TREES;
    model->trees = trees;
    model->link = CHW__LINK__LINK_IDENTITY;
    trees->trees = calloc(tree_count, sizeof(Chw__Tree *));
    enum status status = trees->trees == NULL ? STATUS_NOMEM : STATUS_OK;
    while (status == STATUS_OK && trees->n_trees < tree_count) {
        Chw__Tree *tree = calloc(1, sizeof *tree);
        if (tree == NULL)
            return STATUS_NOMEM;
        chw__tree__init(tree);
        trees->trees[trees->n_trees++] = tree;
        status = read_tree(self, tree);
    }
    return status;
}

static enum status read_logistic(struct reading *self, size_t width, Chw__Model *model)
{
    const uint8_t *numbers = take_numbers(self, width + 1);
    if (numbers == NULL)
        return STATUS_MALFORMED;
    Chw__Linear *linear = calloc(1, sizeof *linear);
    if (linear == NULL)
        return STATUS_NOMEM;
    chw__linear__init(linear);
    model->estimator_case = CHW__MODEL__ESTIMATOR_LINEAR;
    model->linear = linear;
    model->link = CHW__LINK__LINK_LOGISTIC;
    linear->intercept = real_at(numbers, 0);
    linear->weights = calloc(width, sizeof *linear->weights);
    if (linear->weights == NULL)
        return STATUS_NOMEM;
    linear->n_weights = width;
    for (size_t i = 0; i < width; i++)
        linear->weights[i] = (float)real_at(numbers, i + 1);
    return STATUS_OK;
}

static enum status read_model(const struct kernel_sklearn *self,
                              const struct kernel_recipe *recipe, size_t width,
                              Chw__Model *model, struct error_text *error)
{
    uint8_t *bytes;
    size_t size;
    enum status status = read_bytes(self, "model", &bytes, &size, error);
    if (status != STATUS_OK)
        return status;
    struct reading reading = {bytes, size};
    status = recipe->estimator == KERNEL_SKLEARN_FOREST
                 ? read_forest(&reading, recipe->trees, model)
                 : read_logistic(&reading, width, model);
    free(bytes);
    return status == STATUS_OK
               ? status
               : error_set(error, status, "%s: the model cannot be read", program);
}

/* ---- what it is told ---- */

static enum status write_training(const struct kernel_sklearn *self,
                                  const struct kernel_training *training,
                                  struct error_text *error)
{
    enum status status = write_floats(self, "inputs", training->inputs,
                                      training->rows * training->width, error);
    return status == STATUS_OK
               ? write_floats(self, "outcomes", training->outcomes, training->rows, error)
               : status;
}

static enum status say_train(struct kernel_sklearn *self,
                             const struct kernel_training *training,
                             const struct kernel_recipe *recipe, struct error_text *error)
{
    uint64_t seed = training->seed % (1U << 31);
    if (recipe->estimator == KERNEL_SKLEARN_LOGISTIC)
        return say(self, error, "logistic %zu %zu %" PRIu64 "\n", training->rows,
                   training->width, seed);
    return say(self, error, "forest %zu %zu %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
               training->rows, training->width, seed, recipe->trees, recipe->leaves);
}

enum status kernel_sklearn_train(struct kernel_sklearn *self,
                                 const struct kernel_training *training,
                                 const struct kernel_recipe *recipe, Chw__Model *model,
                                 struct error_text *error)
{
    char line[LINE_SIZE];
    const char *rest;
    enum status status = write_training(self, training, error);
    if (status == STATUS_OK)
        status = say_train(self, training, recipe, error);
    if (status == STATUS_OK)
        status = read_answer(self, "ok", line, &rest, error);
    return status == STATUS_OK ? read_model(self, recipe, training->width, model, error)
                               : status;
}

enum status kernel_sklearn_take(struct kernel_sklearn *self,
                                const struct kernel_rows *rows, struct error_text *error)
{
    char line[LINE_SIZE];
    const char *rest;
    size_t count = rows->batch_count * rows->batch_rows;
    enum status status =
        write_floats(self, "inputs", rows->inputs, count * rows->width, error);
    if (status == STATUS_OK)
        status = say(self, error, "rows %zu %zu %" PRIu32 "\n", count, rows->width,
                     rows->batch_rows);
    return status == STATUS_OK ? read_answer(self, "ok", line, &rest, error) : status;
}

enum status kernel_sklearn_results(struct kernel_sklearn *self, size_t count, float *out,
                                   struct error_text *error)
{
    char line[LINE_SIZE];
    const char *rest;
    uint8_t *bytes;
    size_t size;
    enum status status = say(self, error, "score\n");
    if (status == STATUS_OK)
        status = read_answer(self, "ok", line, &rest, error);
    if (status == STATUS_OK)
        status = read_bytes(self, "scores", &bytes, &size, error);
    if (status != STATUS_OK)
        return status;
    if (size == count * sizeof *out)
        memcpy(out, bytes, size);
    else
        status =
            error_set(error, STATUS_MALFORMED, "%s: %zu bytes of scores", program, size);
    free(bytes);
    return status;
}

enum status kernel_sklearn_rate(struct kernel_sklearn *self,
                                const struct kernel_load *load, double *records_per_s,
                                struct error_text *error)
{
    char line[LINE_SIZE];
    const char *rest;
    enum status status = say(self, error, "rate %zu %.6f %d\n", load->threads,
                             load->seconds, load->cpu_time);
    if (status == STATUS_OK)
        status = read_answer(self, "ok", line, &rest, error);
    if (status == STATUS_OK)
        *records_per_s = strtod(rest, NULL);
    return status;
}
