/* A stranger's program against the installed library: opening nothing must fail and say so. */
#include <vltune.h>

int main(void)
{
    vlt_engine *engine = 0;
    vlt_error err = {0};
    vlt_status status = vlt_engine_open("/nonexistent", 0, &engine, &err);
    return status != VLT_OK && err.message[0] && !engine ? 0 : 1;
}
