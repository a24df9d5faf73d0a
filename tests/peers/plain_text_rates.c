/* How fast texts become ids, inside one process, as JSON lines for peers/texts.py:
 *
 *     plain_text_rates DIR FILE...
 *
 * DIR has the tokenizer. cold: an encoder that was just made, its first text; warm: the same text
 * again. threads_2: the service with two threads over one on a text that it never saw (behind
 * another one, so that its threads and tables are made), beside what two new encoders with half of
 * the text each gain here on two threads at the same time: medians, and before each the caches of
 * both cores are filled with something else, as they are in a process that does more than this.
 * first_2: the same of the first text of a service, where two threads make what one need not.
 * batch_2: a batch of texts of very different length, two threads over one.
 * lru: the service with its cache over without, by share of texts that came before; lru_filled:
 * with a smaller one that was full before; lru_ns: what a call costs without a cache, new or again,
 * and with one. turn: what the service adds to a text of 200 bytes. Those, cold and warm are the
 * best of a few rounds. Modes take turns. Without arguments it encodes a made text in every mode
 * and compares ids. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/services/token_service.h"
#include "optimizations/core/clock.h"
#include "optimizations/core/compiler.h"
#include "optimizations/core/random.h"
#include "optimizations/core/registry.h"
#include "optimizations/pipeline/pipeline.h"
#include "optimizations/tokenize_batch/tokenize_batch.h"
#include "tests/support/data.h"
#include "tests/support/variants.h"

enum { ROUNDS = 7, PAIRS = 15, PIECE_BYTES = 2000, TURN_BYTES = 200, TURNS = 2000 };

static test_context test;
static pthread_mutex_t making;
static vlt_tokenizer *tokenizer;
static vlt_bpe_encode_constants constants;

struct encoder {
    vlt_plan *plan;
    int32_t *ids;
    size_t count;
};

static bool make_encoder(struct encoder *encoder, size_t bytes)
{
    const vlt_problem problem = vlt_bpe_encode_problem(bytes, &constants);
    encoder->ids = malloc(vlt_bpe_encode_bound(bytes) * sizeof *encoder->ids);
    return encoder->ids && vlt_plan_create(&test.context, &problem, &encoder->plan, NULL) == VLT_OK;
}

static void release_encoder(struct encoder *encoder)
{
    vlt_plan_destroy(encoder->plan);
    free(encoder->ids);
}

/* ns */
static double encode(struct encoder *encoder, const char *text, size_t bytes)
{
    const vlt_bpe_encode_args args = {
        .text = text, .text_bytes = bytes, .ids = encoder->ids, .id_count = &encoder->count};
    const int64_t start = vlt_now_ns();
    if (test_run(encoder->plan, &args, NULL) != VLT_OK) {
        abort();
    }
    return (double)(vlt_now_ns() - start);
}

static void least(double *best, double ns)
{
    *best = *best == 0 || ns < *best ? ns : *best;
}

static void *fill_cache(void *argument)
{
    enum { CACHE_BYTES = 24 << 20 };
    static char bytes[2][CACHE_BYTES];
    static int round;
    const int second = argument != NULL;
    memset(bytes[second], second ? 1 : ++round, CACHE_BYTES);
    VLT_USED(bytes[second]);
    return NULL;
}

/* Of both cores, as far as the system spreads two busy threads over them. */
static void fill_caches(void)
{
    static int second;
    pthread_t thread;
    if (pthread_create(&thread, NULL, fill_cache, &second) != 0) {
        abort();
    }
    fill_cache(NULL);
    pthread_join(thread, NULL);
}

static int compare(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double ns[PAIRS])
{
    qsort(ns, PAIRS, sizeof *ns, compare);
    return ns[PAIRS / 2];
}

static vlt_token_service *service_of(int threads, size_t cache)
{
    const vlt_token_service_options options = {.vocab = vlt_tokenizer_vocab(tokenizer),
                                               .context = &test.context,
                                               .threads = threads,
                                               .chunk_bytes = VLT_PIPELINE_TOKENIZE_CHUNK_DEFAULT,
                                               .cache_bytes = cache};
    vlt_token_service *service = NULL;
    if (vlt_token_service_create(&options, &service, NULL) != VLT_OK) {
        abort();
    }
    return service;
}

static double serve(vlt_token_service *service, const char *text, size_t bytes, size_t *count)
{
    const vlt_prompt_text whole = {.text = text, .bytes = bytes};
    int32_t *ids = NULL;
    const int64_t start = vlt_now_ns();
    if (vlt_token_service_encode(service, &whole, &ids, count, NULL) != VLT_OK) {
        abort();
    }
    const double ns = (double)(vlt_now_ns() - start);
    free(ids);
    return ns;
}

/* Half of a text on a thread of its own, by an encoder that has seen nothing. */
struct half {
    struct encoder encoder;
    const char *text;
    size_t bytes;
    pthread_barrier_t *barrier;
    int64_t start_ns, end_ns;
};

static void *encode_half(void *argument)
{
    struct half *half = argument;
    pthread_barrier_wait(half->barrier);
    half->start_ns = vlt_now_ns();
    encode(&half->encoder, half->text, half->bytes);
    half->end_ns = vlt_now_ns();
    return NULL;
}

/* From when the first of the two begins until the last one ends. */
static double both_halves(struct half half[2])
{
    pthread_barrier_t barrier;
    pthread_t thread;
    pthread_barrier_init(&barrier, NULL, 2);
    half[0].barrier = half[1].barrier = &barrier;
    if (pthread_create(&thread, NULL, encode_half, &half[1]) != 0) {
        abort();
    }
    encode_half(&half[0]);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&barrier);
    const bool first = half[0].start_ns < half[1].start_ns, last = half[0].end_ns < half[1].end_ns;
    return (double)(half[last].end_ns - half[!first].start_ns);
}

static double machine_ns(const char *text, size_t bytes, bool together)
{
    struct half half[2] = {{.text = text, .bytes = bytes / 2},
                           {.text = text + bytes / 2, .bytes = bytes - bytes / 2}};
    if (!make_encoder(&half[0].encoder, bytes) || !make_encoder(&half[1].encoder, bytes)) {
        abort();
    }
    fill_caches();
    const double ns = together ? both_halves(half)
                               : encode(&half[0].encoder, half[0].text, half[0].bytes) +
                                     encode(&half[1].encoder, half[1].text, half[1].bytes);
    release_encoder(&half[0].encoder);
    release_encoder(&half[1].encoder);
    return ns;
}

/* A service that has never seen this text; where it is not the first one, another of its length. */
static double service_ns(int threads, const char *text, size_t bytes, bool first)
{
    vlt_token_service *service = service_of(threads, 0);
    char *other = malloc(bytes);
    size_t count;
    if (!other) {
        abort();
    }
    for (size_t i = 0; i < bytes; i++) {
        other[i] = "0123456789 \n"[i % 12];
    }
    if (!first) {
        serve(service, other, bytes, &count);
    }
    fill_caches();
    const double ns = serve(service, text, bytes, &count);
    vlt_token_service_destroy(service);
    free(other);
    return ns;
}

/* Texts of 50 bytes to 64 KiB, most of them short, most bytes in long ones. */
static int64_t cut_unevenly(const char *text, size_t bytes, const char **at, size_t *length)
{
    vlt_random random = {5};
    int64_t count = 0;
    for (size_t used = 0; used < bytes; used += length[count++]) {
        size_t next = (size_t)50 << vlt_random_range(&random, 0, 10);
        next += (size_t)vlt_random_range(&random, 0, (int64_t)next / 3);
        at[count] = text + used;
        length[count] = next < bytes - used ? next : bytes - used;
    }
    return count;
}

/* A batch of them by a plan that was just made. */
static double batch_ns(vlt_threads *threads, const char *text, size_t bytes)
{
    const char **at = malloc((bytes / 50 + 1) * sizeof *at);
    size_t *length = malloc((bytes / 50 + 1) * sizeof *length);
    size_t *id_first = malloc((bytes / 50 + 2) * sizeof *id_first);
    const int64_t texts = cut_unevenly(text, bytes, at, length);
    int32_t *ids = malloc(vlt_tokenize_batch_bound(texts, bytes) * sizeof *ids);
    vlt_context context = test.context;
    vlt_problem problem = vlt_tokenize_batch_problem(texts, bytes, &constants);
    vlt_plan *plan = NULL;
    context.threads = threads;
    if (!ids || vlt_plan_create_with(&context, &problem,
                                     vlt_registry_find_variant(&vlt_op_tokenize_batch, "pool"),
                                     NULL, &plan, NULL) != VLT_OK) {
        abort();
    }
    const vlt_tokenize_batch_args args = {
        .text = at, .text_bytes = length, .text_count = texts, .ids = ids, .id_first = id_first};
    fill_caches();
    const int64_t start = vlt_now_ns();
    if (test_run(plan, &args, NULL) != VLT_OK) {
        abort();
    }
    const double ns = (double)(vlt_now_ns() - start);
    vlt_plan_destroy(plan);
    free(at);
    free(length);
    free(id_first);
    free(ids);
    return ns;
}

/* What two threads gain over one. */
struct gains {
    double service, first, machine, batch;
};

static struct gains measure_threads(const char *text, size_t bytes)
{
    static double ns[8][PAIRS];
    const vlt_threads_options options = {.count = 2, .spin_us = 20};
    vlt_threads *threads = NULL;
    if (vlt_threads_create(&options, &threads, NULL) != VLT_OK) {
        abort();
    }
    for (int round = 0; round < PAIRS; round++) {
        for (int two = 0; two < 2; two++) {
            ns[two][round] = service_ns(1 + two, text, bytes, false);
            ns[2 + two][round] = service_ns(1 + two, text, bytes, true);
            ns[4 + two][round] = machine_ns(text, bytes, two);
            ns[6 + two][round] = batch_ns(two ? threads : NULL, text, bytes);
        }
    }
    vlt_threads_destroy(threads);
    return (struct gains){median(ns[0]) / median(ns[1]), median(ns[2]) / median(ns[3]),
                          median(ns[4]) / median(ns[5]), median(ns[6]) / median(ns[7])};
}

/* Calls of one kind. */
struct calls {
    double ns;
    size_t count;
};

enum { NEW, AGAIN, KINDS };

/* Pieces of the text that come again, then the others, `percent` of all calls with one of the
 * first. Where `filled`, the service has seen and forgotten as much as it may keep before. */
static void serve_pieces(size_t cache, bool filled, const char *text, size_t bytes, int percent,
                         struct calls calls[KINDS])
{
    enum { COMES_AGAIN = 20 };
    const size_t pieces = bytes / PIECE_BYTES;
    vlt_token_service *service = service_of(1, cache);
    vlt_random random = {11};
    size_t count;
    for (size_t at = 0; filled && at < 2 * cache; at += PIECE_BYTES) {
        static char other[PIECE_BYTES];
        snprintf(other, sizeof other, "%zu", at);
        serve(service, other, sizeof other, &count);
    }
    for (size_t i = 0; i < COMES_AGAIN; i++) { /* warm, and what comes again */
        serve(service, text + i * PIECE_BYTES, PIECE_BYTES, &count);
    }
    memset(calls, 0, KINDS * sizeof *calls);
    for (size_t next = COMES_AGAIN; next < pieces;) {
        const bool again = vlt_random_range(&random, 0, 99) < percent;
        const size_t piece = again ? (size_t)vlt_random_range(&random, 0, COMES_AGAIN - 1) : next++;
        calls[again].ns += serve(service, text + piece * PIECE_BYTES, PIECE_BYTES, &count);
        calls[again].count++;
    }
    vlt_token_service_destroy(service);
}

/* What kept results gain: without over with a cache. */
static void measure_lru(const char *text, size_t bytes)
{
    static const int percents[] = {0, 50, 90};
    enum { NONE, EMPTY, FILLED, MODES, FILLED_BYTES = 1 << 20 };
    static const size_t caches[MODES] = {0, VLT_PIPELINE_TOKENIZE_CACHE_DEFAULT, FILLED_BYTES};
    double part[MODES][KINDS] = {0}, sum[3][MODES] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        for (int p = 0; p < 3; p++) {
            for (int mode = 0; mode < MODES; mode++) {
                struct calls calls[KINDS];
                serve_pieces(caches[mode], mode == FILLED, text, bytes, percents[p], calls);
                least(&sum[p][mode], calls[NEW].ns + calls[AGAIN].ns);
                for (int kind = 0; kind < KINDS && p == 1; kind++) {
                    least(&part[mode][kind], calls[kind].ns / (double)calls[kind].count);
                }
            }
        }
    }
    for (int mode = EMPTY; mode < MODES; mode++) {
        printf(", \"%s\": {\"0\": %.3f, \"50\": %.3f, \"90\": %.3f}",
               mode == EMPTY ? "lru" : "lru_filled", sum[0][NONE] / sum[0][mode],
               sum[1][NONE] / sum[1][mode], sum[2][NONE] / sum[2][mode]);
    }
    printf(", \"lru_ns\": {\"new\": %.0f, \"again\": %.0f, \"miss\": %.0f, \"hit\": %.0f, "
           "\"miss_filled\": %.0f, \"hit_filled\": %.0f}",
           part[NONE][NEW], part[NONE][AGAIN], part[EMPTY][NEW], part[EMPTY][AGAIN],
           part[FILLED][NEW], part[FILLED][AGAIN]);
}

static double measure_turn(const char *text)
{
    vlt_token_service *service = service_of(1, 0);
    struct encoder encoder = {0};
    double ns[2] = {0};
    size_t count;
    if (!make_encoder(&encoder, 4096)) {
        abort();
    }
    for (int round = 0; round < ROUNDS; round++) {
        double sum[2] = {0};
        for (int i = 0; i < TURNS; i++) {
            sum[0] += encode(&encoder, text, TURN_BYTES);
            sum[1] += serve(service, text, TURN_BYTES, &count);
        }
        least(&ns[0], sum[0] / TURNS);
        least(&ns[1], sum[1] / TURNS);
    }
    release_encoder(&encoder);
    vlt_token_service_destroy(service);
    return ns[1] - ns[0];
}

static void measure(const char *path, const char *text, size_t bytes)
{
    double cold = 0, warm = 0;
    size_t count = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct encoder encoder = {0};
        if (!make_encoder(&encoder, bytes)) {
            abort();
        }
        least(&cold, encode(&encoder, text, bytes));
        for (int i = 0; i < 3; i++) {
            least(&warm, encode(&encoder, text, bytes));
        }
        count = encoder.count;
        release_encoder(&encoder);
    }
    const struct gains gain = measure_threads(text, bytes);
    printf("{\"file\": \"%s\", \"bytes\": %zu, \"ids\": %zu, \"cold_ns\": %.0f, \"warm_ns\": %.0f, "
           "\"threads_2\": %.3f, \"first_2\": %.3f, \"machine_2\": %.3f, \"batch_2\": %.3f",
           path, bytes, count, cold, warm, gain.service, gain.first, gain.machine, gain.batch);
    if (bytes / PIECE_BYTES > 20) {
        measure_lru(text, bytes);
    }
    printf(", \"turn_ns\": %.0f}\n", measure_turn(text));
}

/* Every mode gives as many ids. */
static int compare_modes(void)
{
    enum { BYTES = 300000 };
    static char text[BYTES + 16];
    struct encoder encoder = {0};
    size_t count[3] = {0}, used = 0;
    for (int i = 0; used < BYTES; i++) {
        used += (size_t)snprintf(text + used, 16, "word%d and %d\n", i % 977, i);
    }
    vlt_token_service *one = service_of(1, 1 << 20), *two = service_of(2, 0);
    if (!make_encoder(&encoder, used)) {
        return 1;
    }
    encode(&encoder, text, used);
    serve(one, text, used, &count[0]);
    serve(one, text, used, &count[1]);
    serve(two, text, used, &count[2]);
    const int failed = !encoder.count || count[0] != encoder.count || count[1] != count[0] ||
                       count[2] != count[0];
    release_encoder(&encoder);
    vlt_token_service_destroy(one);
    vlt_token_service_destroy(two);
    return failed;
}

int main(int argc, char **argv)
{
    pthread_mutexattr_t kind;
    int failed = 0;
    test_context_init(&test);
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&making, &kind);
    test.context.making = &making;
    const char *folder = argc > 1 ? argv[1] : test_source("harness/model/demo/checkpoint");
    if (vlt_tokenizer_load(folder, &tokenizer, NULL) != VLT_OK) {
        fprintf(stderr, "%s: no tokenizer\n", folder);
        return 1;
    }
    constants.vocab = vlt_tokenizer_vocab(tokenizer);
    for (int i = 2; i < argc; i++) {
        size_t bytes = 0;
        char *text = test_read_file(argv[i], &bytes);
        if (text && bytes >= TURN_BYTES) {
            measure(argv[i], text, bytes);
        } else {
            fprintf(stderr, "%s: expected a text of at least %d bytes\n", argv[i], TURN_BYTES);
            failed = 1;
        }
        free(text);
    }
    failed |= argc < 3 && compare_modes();
    vlt_tokenizer_destroy(tokenizer);
    test_context_release(&test);
    return failed;
}
