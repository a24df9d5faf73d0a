// fake_prelude.hpp: CUDA C as C++ of the host: stands in front of a kernel's text.
#include <cstddef>
#include <tuple>
#include <utility>

#define __global__
#define __device__ static
#define __restrict__ __restrict

struct fake_dim {
    unsigned x, y, z;
};
static fake_dim gridDim, blockDim, blockIdx, threadIdx;

template <class... Parameters, std::size_t... Index>
static void fake_call(void (*kernel)(Parameters...), void **arguments,
                      std::index_sequence<Index...>)
{
    kernel(*static_cast<Parameters *>(arguments[Index])...);
}

template <class... Parameters>
static void fake_grid(void (*kernel)(Parameters...), const unsigned grid[3],
                      const unsigned block[3], void **arguments)
{
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    for (unsigned long long i = 0; i < 1ull * grid[0] * grid[1] * grid[2]; i++) {
        blockIdx = {unsigned(i % grid[0]), unsigned(i / grid[0] % grid[1]),
                    unsigned(i / grid[0] / grid[1])};
        for (unsigned k = 0; k < block[0] * block[1] * block[2]; k++) {
            threadIdx = {k % block[0], k / block[0] % block[1], k / block[0] / block[1]};
            fake_call(kernel, arguments, std::index_sequence_for<Parameters...>{});
        }
    }
}
