// SPDX-License-Identifier: Apache-2.0
#include "model/ledger/share_kind.h"

#include <algorithm>

namespace memwhy::model {

ShareTitle TitleOf(ShareKind kind) {
  switch (kind) {
    case ShareKind::kOther:
      return {"", ""};
    case ShareKind::kPymallocInUse:
      return {"python", "pymalloc in use"};
    case ShareKind::kPymallocFree:
      return {"interpreter", "pymalloc free in arenas"};
    case ShareKind::kPymallocUnread:
      return {"interpreter", "pymalloc arenas, not read"};
    case ShareKind::kMallocInUse:
      return {"native", "malloc in use"};
    case ShareKind::kMallocMapped:
      return {"native", "malloc mapped blocks"};
    case ShareKind::kMallocRetained:
      return {"native", "malloc retained"};
    case ShareKind::kMallocRetainedOrOlder:
      return {"native", "malloc retained, or in use since before recording"};
    case ShareKind::kMallocFreeInArenas:
      return {"native", "malloc free, kept in arenas"};
    case ShareKind::kMallocFreeOfThreads:
      return {"native", "malloc free, kept by threads"};
    case ShareKind::kMallocFreeTop:
      return {"native", "malloc free, top of heaps"};
    case ShareKind::kMallocUnwalked:
      return {"native", "malloc heaps, not walked"};
    case ShareKind::kMallocUnread:
      return {"native", "malloc heap, use not recorded"};
    case ShareKind::kProgramMapping:
      return {"native", "mapped by the program"};
    case ShareKind::kThreadStacks:
      return {"system", "thread stacks"};
    case ShareKind::kFiles:
      return {"system", "files and libraries"};
    case ShareKind::kLibraryData:
      return {"system", "library data"};
    case ShareKind::kSharedMemory:
      return {"system", "shared memory"};
    case ShareKind::kMemwhy:
      return {"system", "memwhy"};
    case ShareKind::kAnonymousUnseen:
      return {"system", "anonymous, seen by no hook"};
    case ShareKind::kAnonymousUnread:
      return {"system", "anonymous, not recorded"};
  }
  return {"", ""};
}

Share MakeShare(ShareKind kind, Bytes bytes, Bytes owned) {
  const ShareTitle title = TitleOf(kind);
  return {title.layer, title.name, bytes, std::min(owned, bytes), kind};
}

bool IsFreeButKept(ShareKind kind) {
  switch (kind) {
    case ShareKind::kPymallocFree:
    case ShareKind::kMallocRetained:
    case ShareKind::kMallocFreeInArenas:
    case ShareKind::kMallocFreeOfThreads:
    case ShareKind::kMallocFreeTop:
      return true;
    case ShareKind::kOther:
    case ShareKind::kPymallocInUse:
    case ShareKind::kPymallocUnread:
    case ShareKind::kMallocInUse:
    case ShareKind::kMallocMapped:
    case ShareKind::kMallocRetainedOrOlder:
    case ShareKind::kMallocUnwalked:
    case ShareKind::kMallocUnread:
    case ShareKind::kProgramMapping:
    case ShareKind::kThreadStacks:
    case ShareKind::kFiles:
    case ShareKind::kLibraryData:
    case ShareKind::kSharedMemory:
    case ShareKind::kMemwhy:
    case ShareKind::kAnonymousUnseen:
    case ShareKind::kAnonymousUnread:
      return false;
  }
  return false;
}

}  // namespace memwhy::model
