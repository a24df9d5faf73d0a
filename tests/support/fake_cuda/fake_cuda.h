/* fake_cuda.h: what the stand-ins for libcuda and libnvrtc say to each other.
 *
 * Two shared libraries with the driver's and the compiler's names let a machine without a GPU run
 * the CUDA device whole: the compiler stand-in builds the text of a kernel as C++ with the prelude
 * in front, the driver stand-in loads that and runs the grid thread by thread. Every call happens
 * at once, so nothing about time can be learned here. Kernels that share memory within a block or
 * wait for each other are beyond it.
 */
#ifndef VLT_TESTS_FAKE_CUDA_H
#define VLT_TESTS_FAKE_CUDA_H

#define FAKE_IMAGE  "fake cubin "      /* then the path of a shared object */
#define FAKE_LAUNCH "fake_cuda_launch" /* what the prelude defines in it */

/* Of one kernel: grid and block as launched, arguments as the driver takes them. */
typedef void fake_cuda_launch(const unsigned grid[3], const unsigned block[3], void **arguments);

#endif
