/* together.h: the same work on several threads at a time, in programs with their own main too.
 */
#ifndef VLT_TESTS_TOGETHER_H
#define VLT_TESTS_TOGETHER_H

#include <pthread.h>

enum { TEST_TOGETHER_MAX = 16 };

/* body(argument) on `count` threads until all are through; 1: one did not begin. */
static inline int test_together(int count, void *(*body)(void *), void *argument)
{
    pthread_t thread[TEST_TOGETHER_MAX];
    int begun = 0;
    while (begun < count && pthread_create(&thread[begun], NULL, body, argument) == 0) {
        begun++;
    }
    for (int i = 0; i < begun; i++) {
        pthread_join(thread[i], NULL);
    }
    return begun != count;
}

#endif
