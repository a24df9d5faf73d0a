/* The executable is nothing but this: everything lives in libvltune.so, which two builds of vltune
 * can load side by side to be compared on shared buffers. */
#include "reports/cli/program.h"

int main(int argc, char **argv)
{
    return vlt_program_main(argc, argv);
}
