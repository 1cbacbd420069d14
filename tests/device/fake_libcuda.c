// SPDX-License-Identifier: Apache-2.0
// The calls of the CUDA driver behind expandable segments, without a device: address space is
// counted up, and mapped memory is counted in nothing. Preloaded beside fake_cudart.c.
#include <stdint.h>

static uint64_t next_address = 0x600000000000;
static uint64_t next_handle = 1;

int cuMemAddressReserve(uint64_t* out, uint64_t size, uint64_t align, uint64_t at, uint64_t flags) {
  (void)align, (void)at, (void)flags;
  *out = next_address;
  next_address += (size + (1u << 30) - 1) >> 30 << 30;
  return 0;
}
int cuMemCreate(uint64_t* out, uint64_t size, const void* properties, uint64_t flags) {
  (void)size, (void)properties, (void)flags;
  *out = next_handle++;
  return 0;
}

#define SUCCEEDS(name) int name(void) { return 0; }
SUCCEEDS(cuMemAddressFree) SUCCEEDS(cuMemRelease) SUCCEEDS(cuMemMap) SUCCEEDS(cuMemUnmap)
SUCCEEDS(cuMemSetAccess)

#define FAILS(name) int name(void) { return 801; }  // CUDA_ERROR_NOT_SUPPORTED
FAILS(cuMemGetAllocationGranularity) FAILS(cuMemExportToShareableHandle)
FAILS(cuMemImportFromShareableHandle) FAILS(cuMemsetD32Async) FAILS(cuStreamWriteValue32)
FAILS(cuGetErrorString) FAILS(cuDeviceGetAttribute) FAILS(cuMulticastCreate)
FAILS(cuMulticastAddDevice) FAILS(cuMulticastBindMem)
