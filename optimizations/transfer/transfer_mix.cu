// The workload's kernel on CUDA: the same words through the same rounds as vlt_transfer_mix.
extern "C" __global__ void transfer_mix(unsigned char *memory, long long size, int rounds)
{
    unsigned long long bytes = size, words = bytes / 4;
    unsigned long long step = (unsigned long long)gridDim.x * blockDim.x;
    unsigned long long first = (unsigned long long)blockIdx.x * blockDim.x + threadIdx.x;
    unsigned int *word = (unsigned int *)memory;
    for (unsigned long long i = first; i < words; i += step) {
        unsigned int x = word[i];
        for (int round = 0; round < rounds; round++) {
            x = (x ^ (x >> 15)) * 0x2C1B3C6Du;
            x = (x ^ (x >> 12)) * 0x297A2D39u;
        }
        word[i] = x;
    }
    for (unsigned long long i = words * 4 + first; i < bytes; i += step) {
        memory[i] = (unsigned char)~memory[i];
    }
}
