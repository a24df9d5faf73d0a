#include "reports/cli/program.h"

int vlt_program_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 2;
}
