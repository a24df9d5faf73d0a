/* The variants with threads of their own under ThreadSanitizer: every one on a few batches, each
 * several times, against the baseline. */
#include <stdio.h>

#include "optimizations/tokenize_batch/tokenize_batch.h"
#include "tests/support/variants.h"

int main(void)
{
    static const int64_t shapes[][3] = {{1, 64, 0}, {5, 4000, 50}, {64, 20000, 30}};
    test_context test;
    int failed = 0;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        int verified = test_variants(&test, &vlt_op_tokenize_batch, shapes[i]);
        failed |= verified <= 0;
        printf("%lld texts, %lld bytes: %d verified\n", (long long)shapes[i][0],
               (long long)shapes[i][1], verified);
    }
    test_context_release(&test);
    return failed;
}
