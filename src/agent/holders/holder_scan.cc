// SPDX-License-Identifier: Apache-2.0
#include "agent/holders/holder_scan.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "agent/ground/agent.h"
#include "agent/ground/private_memory.h"
#include "agent/ground/raw_memory.h"
#include "agent/holders/native_holders.h"
#include "agent/holders/query_set.h"
#include "agent/memory/library_data.h"
#include "agent/memory/present_pages.h"
#include "agent/python/python_api.h"
#include "agent/python/type_bases.h"
#include "cpython/peek.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::PeekPointer;

constexpr std::size_t kPlaces = 4;         // told of each object, twice
constexpr std::uint64_t kMaxHits = 1024;   // looked into of each object
constexpr Address kMaxHead = 80;           // of a str: there lie its own pointers
constexpr Address kMaxShared = 64u << 20;  // of one mapping: larger ones are data

enum class Memory : std::uint8_t {
  kLibrary,      // a library's data
  kInterpreter,  // the interpreter's own data and state
  kOther,
};

// A word outside of libraries' data.
struct FoundWord {
  std::uint64_t object;  // its number
  Address place;
};

struct Answer {
  std::uint64_t words;
  std::uint64_t static_words;
  std::uint64_t native_words;
  Address holder;                  // of the first of them
  Address static_places[kPlaces];  // the first of them
  Address other_places[kPlaces];
};

bool IsWeakReference(Address type) noexcept {
  const PythonApi& api = g_python_api;
  const auto is_weak = [&](Address base) {
    return base == api.weakref_type || base == api.weak_proxy_type ||
           base == api.weak_callable_proxy_type;
  };
  return FindBase(type, is_weak) != 0;
}

constexpr std::uint32_t kWeakObject = 16;
constexpr std::uint32_t kWeakCallback = 24;

// Weak references to one object form a list: wr_prev and wr_next of the neighbours, and where the
// object has the first. Whether `place` is one of these.
bool IsWeakLink(Address reference, Address place) noexcept {
  constexpr std::uint32_t kPrevious = 40;
  constexpr std::uint32_t kNext = 48;
  constexpr std::int64_t kManaged = -32;  // 3.12+: before the collector's head
  if (!IsWeakReference(cpython::TypeOf(reference))) return false;
  if (place == PeekPointer(reference, kPrevious) + kNext) return true;
  if (place == PeekPointer(reference, kNext) + kPrevious) return true;
  const Address object = PeekPointer(reference, kWeakObject);
  if (object == 0) return false;
  const Address type = cpython::TypeOf(object);
  const bool is_managed =
      g_agent.python.layout->minor >= 12 &&
      (cpython::Peek<std::uint64_t>(type, cpython::kTypeFlags) & cpython::kFlagManagedWeakref) != 0;
  const auto offset =
      is_managed ? kManaged : cpython::Peek<std::int64_t>(type, cpython::kTypeWeakListOffset);
  return place == object + static_cast<Address>(offset);
}

// A function of C code.
bool IsNativeFunction(Address object) noexcept {
  const Address name = PeekPointer(cpython::TypeOf(object), cpython::kTypeName);
  return std::strcmp(reinterpret_cast<const char*>(name), "builtin_function_or_method") == 0;
}

class Scan {
 public:
  // `objects`: `count` of them, sorted.
  Scan(const Address* objects, std::size_t count, FreeMemory& free, WalkedHeap& heap) noexcept
      : asked_(*g_agent.python.layout, objects, count), free_(free), heap_(heap) {}
  ~Scan() { FreeRaw(answers_); }

  // False: no memory.
  bool Start(FaultGuard& guard) noexcept {
    RawArray<Address> ends;
    const bool has_memory =
        GrowRaw(answers_, asked_.count() + 1) && GrowRaw(ends, asked_.count() + 1);
    for (std::size_t i = 0; has_memory && i < asked_.count(); ++i) {
      ends.items[i] = heap_.EndOfBody(asked_.object(i));
    }
    const bool is_loaded = has_memory && asked_.Load(ends.items, guard);
    FreeRaw(ends);
    return is_loaded;
  }

  void Words(Address begin, Address end, Memory memory) noexcept {
    // A library's data may end anywhere.
    const auto* at = reinterpret_cast<const Address*>((begin + 7) & ~Address{7});
    const auto* stop = reinterpret_cast<const Address*>(end & ~Address{7});
    for (; at < stop; ++at) {
      if (asked_.MayLead(*at)) Hit(*at, reinterpret_cast<Address>(at), memory);
    }
  }

  // The objects that lie in this library's data.
  void OwnStatics(Address begin, Address end) noexcept {
    for (std::size_t i = asked_.FirstFrom(begin); i < asked_.count() && asked_.object(i) < end;
         ++i) {
      Answer& answer = answers_.items[i];
      ++answer.words;
      if (answer.static_words < kPlaces) {
        answer.static_places[answer.static_words] = asked_.object(i);
      }
      ++answer.static_words;
    }
  }

  // What may be the remains of an object has as many words as references: nothing is proven of it.
  void OwnDoubtful() noexcept {
    for (std::size_t i = 0; i < asked_.count(); ++i) {
      const Address object = asked_.object(i);
      if (!heap_.IsDoubtful(object)) continue;
      Answer& answer = answers_.items[i];
      for (std::uint64_t at = answer.words - answer.static_words; at < kPlaces; ++at) {
        answer.other_places[at] = object;
      }
      answer.words = std::max<std::uint64_t>(answer.words, cpython::Peek<std::uint32_t>(object, 0));
    }
  }

  // False: no memory for all of them.
  [[nodiscard]] bool FindNativeHolders(const MemoryMap& map, FaultGuard& guard) noexcept {
    NativeHolders holders(map, free_, heap_);
    for (std::size_t i = 0; i < hits_.count(); ++i) {
      if (MEMWHY_GUARD(guard) == 0) holders.Add(hits_[i].place);
      guard.Disarm();
    }
    holders.Find(guard);
    for (const FoundWord& hit : hits_) {
      const Address holder = holders.HolderOf(hit.place);
      if (holder == 0) continue;
      Answer& answer = answers_.items[hit.object];
      if (answer.native_words++ == 0) answer.holder = holder;
    }
    return !failed_ && !holders.failed();
  }

  void Write(std::uint64_t unread, DumpStream& out) noexcept {
    constexpr char kMagic[8] = {'M', 'W', 'Y', 'S', 'C', 'A', 'N', '2'};
    out.PutBytes(kMagic, sizeof(kMagic));
    const std::uint64_t count = asked_.count();
    out.PutBytes(&count, sizeof(count));
    out.PutBytes(&unread, sizeof(unread));
    for (std::size_t i = 0; i < count; ++i) {
      const Answer& answer = answers_.items[i];
      const std::uint64_t others = answer.words - answer.static_words;
      const std::uint64_t first = answer.static_words < kPlaces ? answer.static_words : kPlaces;
      const std::uint64_t second = others < kPlaces ? others : kPlaces;
      const std::uint64_t head[] = {answer.words, answer.static_words, answer.native_words,
                                    answer.holder, first + second};
      out.PutBytes(head, sizeof(head));
      out.PutBytes(answer.static_places, first * sizeof(Address));
      out.PutBytes(answer.other_places, second * sizeof(Address));
    }
  }

 private:
  // A dict or list that was freed and waits to be used again.
  bool IsSpare(Address word) noexcept {
    const PythonApi& api = g_python_api;
    if ((word & 15) != 0 || !heap_.IsReadable(word, 16) || PeekPointer(word, 0) != 0) return false;
    const Address type = cpython::TypeOf(word);
    return type == api.dict_type || type == api.list_type;
  }
  // The interpreter's own data is full of what was left over. Its lists of free dicts and lists are
  // arrays, of which the slots behind those in use keep what they had; its cache of functions holds
  // none; that of methods, {version, name, value}, the names alone.
  bool IsLeftOver(Address object, Address place) noexcept {
    constexpr Address kSpareBytes = 80 * 8;
    constexpr int kMinSame = 3;
    const PythonApi& api = g_python_api;
    const Address type = cpython::TypeOf(object);
    if (type == api.function_type || type == api.code_type) return true;
    if (!heap_.IsReadable(place - kSpareBytes, 2 * kSpareBytes)) return false;
    int same = 0;
    for (Address at = place - kSpareBytes; at < place + kSpareBytes; at += 8) {
      const Address word = PeekPointer(at, 0);
      if (IsSpare(word)) return true;
      const bool is_same = heap_.IsObject(word) && cpython::TypeOf(word) == type;
      same = is_same ? same + 1 : 0;
      const bool is_around = at >= place && at - place < 8 * kMinSame;
      if (same >= kMinSame && is_around && (type == api.dict_type || type == api.list_type)) {
        return true;
      }
    }
    if (type == api.str_type || type == api.type_type) return false;
    const Address entry = place - cpython::kTypeCacheValue;
    const Address name = PeekPointer(entry, cpython::kTypeCacheName);
    const Address version = PeekPointer(entry, cpython::kTypeCacheVersion);
    return version >> 32 == 0 && version != 0 && heap_.IsObject(name) &&
           cpython::TypeOf(name) == api.str_type;
  }
  void Hit(Address word, Address place, Memory memory) noexcept {
    using Part = QuerySet::Part;
    QuerySet::Match match;
    if (!asked_.Find(word, &match)) return;
    // Remains of what was there.
    if (free_.Contains(place) || heap_.IsInBytes(place)) return;
    if (WalkedHeap::HasSpareLists() && heap_.IsSpare(free_.BlockOf(place))) return;
    const Address object = asked_.object(match.object);
    if (match.part == Part::kText && place - object < kMaxHead) return;
    if (match.part == Part::kBody && place >= object && place < asked_.EndOfBody(match.object)) {
      return;
    }
    Answer& answer = answers_.items[match.object];
    if (match.part == Part::kBegin && IsWeakLink(object, place)) {
      const Address callback = PeekPointer(object, kWeakCallback);
      if (callback == 0) return;  // such a link holds none
      // C code lets one hang there alone, as pybind11 does: its callback gives the reference back.
      if (IsNativeFunction(callback) && answer.native_words == 0) {
        answer.native_words = 1;
        answer.holder = PeekPointer(object, kWeakObject);
      }
    }
    const std::uint64_t others = answer.words++ - answer.static_words;
    if (memory == Memory::kLibrary ||
        (memory == Memory::kInterpreter && !IsLeftOver(object, place))) {
      if (answer.static_words < kPlaces) answer.static_places[answer.static_words] = place;
      ++answer.static_words;
      return;
    }
    if (others < kPlaces) answer.other_places[others] = place;
    if (others < kMaxHits && !hits_.Push({match.object, place})) failed_ = true;
  }

  QuerySet asked_;
  FreeMemory& free_;
  WalkedHeap& heap_;
  RawArray<Answer> answers_;
  RawList<FoundWord> hits_;
  bool failed_ = false;  // no memory for one
};

// `data_end`: before it lies the data of a library, or of the interpreter.
void ScanOne(Scan& scan, const Mapping& mapping, Address data_end, bool is_interpreters,
             PresentPages& pages) noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  const Address interpreter =
      cpython::PeekPointer(g_agent.python.runtime, layout.runtime_main_interpreter);
  const Address interpreter_end = interpreter + layout.interpreter_bytes;
  const auto words = [&scan](Memory memory) {
    return [&scan, memory](Address begin, Address end) { scan.Words(begin, end, memory); };
  };
  if (mapping.is_shared) {
    pages.EachShared(mapping.begin, mapping.end, words(Memory::kOther));
    return;
  }
  Address at = mapping.begin;
  if (data_end > at) {
    const Address end = data_end < mapping.end ? data_end : mapping.end;
    pages.Each(at, end, words(is_interpreters ? Memory::kInterpreter : Memory::kLibrary));
    scan.OwnStatics(at, end);
    at = end;
  }
  if (interpreter >= at && interpreter_end <= mapping.end) {
    pages.Each(at, interpreter, words(Memory::kOther));
    pages.Each(interpreter, interpreter_end, words(Memory::kInterpreter));
    at = interpreter_end;
  }
  pages.Each(at, mapping.end, words(Memory::kOther));
}

// Whether it could be read to its end.
bool ScanGuarded(Scan& scan, const Mapping& mapping, Address data_end, bool is_interpreters,
                 PresentPages& pages, FaultGuard& guard) noexcept {
  if (MEMWHY_GUARD(guard) != 0) {
    guard.Disarm();
    return false;
  }
  ScanOne(scan, mapping, data_end, is_interpreters, pages);
  guard.Disarm();
  return true;
}

// Not code and constants of files, devices, or what is ours.
bool MayHold(const Mapping& mapping, const MemoryMap& map) noexcept {
  if (!mapping.is_readable) return false;
  if (mapping.begin - g_private.begin < g_private.bytes) return false;
  if (!mapping.is_shared) return mapping.is_writable || !mapping.is_file;
  if (!mapping.is_memory_file || mapping.end - mapping.begin > kMaxShared) return false;
  const Mapping* ring = map.Find(reinterpret_cast<Address>(g_agent.ring));
  return ring == nullptr || ring->inode != mapping.inode;
}

// Returns how many mappings could not be read to their end.
std::uint64_t ScanAll(Scan& scan, const MemoryMap& map, const WalkedHeap& heap,
                      FaultGuard& guard) noexcept {
  PresentPages pages;
  std::uint64_t unread = 0;
  Address data_end = 0;  // of the library whose mappings come last
  bool is_interpreters = false;
  for (std::size_t i = 0; i < map.count(); ++i) {
    const Mapping& mapping = map.at(i);
    if (mapping.inode != 0 && mapping.offset == 0) {
      data_end = EndOfData(mapping);
      is_interpreters = heap.IsInterpreters(mapping);
    }
    if (mapping.is_spared) ++unread;
    if (!MayHold(mapping, map)) continue;
    if (!ScanGuarded(scan, mapping, data_end, is_interpreters, pages, guard)) ++unread;
  }
  return unread;
}

}  // namespace

bool AnswerHolderScan(const char* path, const MemoryMap& map, FreeMemory& free, WalkedHeap& heap,
                      FaultGuard& guard, DumpStream& out) noexcept {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  struct stat status{};
  if (fstat(fd, &status) != 0 || status.st_size < 0) {
    close(fd);
    return false;
  }
  const auto bytes = static_cast<std::size_t>(status.st_size) & ~std::size_t{7};
  auto* objects = static_cast<Address*>(MapRaw(bytes + 8));
  if (objects == nullptr) {
    close(fd);
    return false;
  }
  std::size_t held = 0;
  while (held < bytes) {
    const ssize_t n = read(fd, reinterpret_cast<char*>(objects) + held, bytes - held);
    if (n <= 0) break;
    held += static_cast<std::size_t>(n);
  }
  close(fd);
  bool is_done = false;
  {
    Scan scan(objects, held / 8, free, heap);
    if (scan.Start(guard)) {
      const std::uint64_t unread = ScanAll(scan, map, heap, guard);
      scan.OwnDoubtful();
      is_done = scan.FindNativeHolders(map, guard);
      if (is_done) scan.Write(unread, out);
    }
  }
  UnmapRaw(objects, bytes + 8);
  return is_done;
}

}  // namespace memwhy::agent
