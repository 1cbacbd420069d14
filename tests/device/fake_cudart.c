// SPDX-License-Identifier: Apache-2.0
// A CUDA runtime without a device: torch's own allocator (libc10_cuda.so) runs on it. Addresses are
// counted up and never dereferenced; MEMWHY_FAKE_DEVICE_MIB is how much the device has. One device,
// one stream, everything succeeds at once. Only what libc10_cuda.so imports.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { kSuccess = 0, kOutOfMemory = 2 };
#define MAX_BLOCKS 65536

static struct { uint64_t address, size; } blocks[MAX_BLOCKS];
static int block_count;
static uint64_t next_address = 0x7f0000000000;
static uint64_t used;

static uint64_t Capacity(void) {
  const char* text = getenv("MEMWHY_FAKE_DEVICE_MIB");
  return (text ? strtoull(text, NULL, 10) : 81920) << 20;
}

int cudaMalloc(void** out, size_t size) {
  if (used + size > Capacity() || block_count == MAX_BLOCKS) return kOutOfMemory;
  blocks[block_count].address = next_address;
  blocks[block_count++].size = size;
  *out = (void*)next_address;
  next_address += (size + (2 << 20) - 1) / (2 << 20) * (2 << 20);
  used += size;
  return kSuccess;
}

int cudaFree(void* pointer) {
  for (int i = 0; i < block_count; ++i) {
    if (blocks[i].address != (uint64_t)pointer) continue;
    used -= blocks[i].size;
    blocks[i] = blocks[--block_count];
    return kSuccess;
  }
  return pointer == NULL ? kSuccess : 1;
}

int cudaMemGetInfo(size_t* free_bytes, size_t* total) {
  *total = Capacity();
  *free_bytes = *total - used;
  return kSuccess;
}

int cudaGetDeviceCount(int* count) { return *count = 1, kSuccess; }
int cudaGetDevice(int* device) { return *device = 0, kSuccess; }
int cudaSetDevice(int device) { return device == 0 ? kSuccess : 101; }
int cudaGetDeviceProperties_v2(void* properties, int device) {
  (void)device;
  memset(properties, 0, 1032);  // sizeof(cudaDeviceProp) of CUDA 12
  const uint64_t total = Capacity();
  memcpy((char*)properties + 288, &total, sizeof(total));  // totalGlobalMem
  return kSuccess;
}
int cudaDriverGetVersion(int* version) { return *version = 12040, kSuccess; }
const char* cudaGetErrorString(int error) { return error == kOutOfMemory ? "out of memory" : "error"; }
int cudaDeviceGetStreamPriorityRange(int* least, int* greatest) { return *least = *greatest = 0; }
int cudaStreamIsCapturing(void* stream, int* status) { return (void)stream, *status = 0; }
int cudaThreadExchangeStreamCaptureMode(int* mode) { return (void)mode, kSuccess; }
int cudaEventCreateWithFlags(void** event, unsigned flags) { return (void)flags, *event = 0, kSuccess; }

#define SUCCEEDS(name) int name(void) { return kSuccess; }
SUCCEEDS(cudaGetLastError) SUCCEEDS(cudaDeviceSynchronize) SUCCEEDS(cudaEventDestroy)
SUCCEEDS(cudaEventElapsedTime) SUCCEEDS(cudaEventQuery) SUCCEEDS(cudaEventRecord)
SUCCEEDS(cudaEventSynchronize) SUCCEEDS(cudaStreamQuery) SUCCEEDS(cudaStreamSynchronize)
SUCCEEDS(cudaStreamWaitEvent) SUCCEEDS(cudaMemcpy) SUCCEEDS(cudaMemcpyAsync)
SUCCEEDS(cudaMemcpyPeerAsync)

#define FAILS(name) int name(void) { return 801; }  // cudaErrorNotSupported
FAILS(cudaDeviceEnablePeerAccess) FAILS(cudaDeviceGetDefaultMemPool) FAILS(cudaFreeAsync)
FAILS(cudaIpcCloseMemHandle) FAILS(cudaIpcGetMemHandle) FAILS(cudaIpcOpenMemHandle)
FAILS(cudaMallocAsync) FAILS(cudaMemPoolGetAttribute) FAILS(cudaMemPoolSetAccess)
FAILS(cudaMemPoolSetAttribute) FAILS(cudaMemPoolTrimTo) FAILS(cudaStreamCreateWithPriority)
