/* Decoding takes no page fault: what the steps write is memory before they come to it, whether the
 * answer's length was asked for or is the default, in the first answer of a session and in one that
 * goes on. Sanitizers have pages of their own: then there is nothing to count. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "harness/infer/session.h"
#include "optimizations/core/compiler.h"
#include "tests/support/data.h"

#if VLT_ASAN || defined(__SANITIZE_THREAD__)
int main(void)
{
    test_skip("pages are the sanitizer's");
    return 0;
}
#else

/* The first steps of an answer meet code and scratch that the prompt did not need. */
enum { FIRST = 16, FAULTS_MAX = 4 };

struct count {
    int64_t tokens;
    long first, last; /* faults so far, behind token FIRST and behind the last one */
};

static long faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

static bool count_token(void *user, int32_t id)
{
    struct count *count = user;
    (void)id;
    count->last = faults();
    if (++count->tokens == FIRST) {
        count->first = count->last;
    }
    return true;
}

static int answer(vlt_session *session, const char *what, int64_t asked, int64_t expected)
{
    struct count count = {0};
    const vlt_request request = {.prompt = "Describe the image.",
                                 .max_tokens = asked,
                                 .greedy = true,
                                 .ignore_eos = true,
                                 .on_token = count_token,
                                 .user = &count};
    vlt_response response = {0};
    vlt_error err = {0};
    if (vlt_session_run(session, &request, &response, &err) != VLT_OK) {
        fprintf(stderr, "%s: %s\n", what, err.message);
        return 1;
    }
    const long taken = count.last - count.first;
    printf("%s: %ld page faults in %lld tokens\n", what, taken, (long long)(count.tokens - FIRST));
    vlt_response_release(&response);
    return count.tokens != expected || taken > FAULTS_MAX;
}

/* Where the kernel moves pages between nodes, it takes faults to see who uses them. */
static bool pages_wander(void)
{
    FILE *file = fopen("/proc/sys/kernel/numa_balancing", "r");
    const int first = file ? fgetc(file) : '0';
    if (file) {
        fclose(file);
    }
    return first != '0';
}

int main(void)
{
    const vlt_engine_options options = {.threads = 2, .no_config = true};
    vlt_engine *engine = NULL;
    vlt_session *session = NULL;
    vlt_error err = {0};
    if (pages_wander()) {
        test_skip("numa_balancing takes page faults");
        return 0;
    }
    if (vlt_engine_open(test_source("harness/model/demo/checkpoint"), &options, &engine, &err) !=
            VLT_OK ||
        vlt_session_open(engine, NULL, &session, &err) != VLT_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    int failed = answer(session, "as many as by default", 0, 256);
    failed += answer(session, "600, behind what was said", 600, 600);
    failed += answer(session, "3,000", 3000, 3000);
    vlt_session_close(session);
    vlt_engine_close(engine);
    return failed != 0;
}
#endif
