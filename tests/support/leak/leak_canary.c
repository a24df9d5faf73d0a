/* Leaks on purpose: CTest must turn red on it, or no leak anywhere would be noticed. */
#include <criterion/criterion.h>
#include <stdlib.h>

Test(leak, is_noticed)
{
    volatile char *lost = malloc(100);
    lost[0] = 1;
    lost = NULL;
    cr_assert(lost == NULL);
}
