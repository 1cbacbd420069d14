// SPDX-License-Identifier: Apache-2.0
#include "agent/objects/torch_reader.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;

constexpr std::uint32_t kTorchFirstMember = 2;
constexpr std::uint32_t kTorchEndOfMembers = 8;     // of a TensorImpl, up to its Python object
constexpr std::uint32_t kTorchEndOfObjects = 12;    // likewise, the Python object itself
constexpr std::uint32_t kTorchFirstOwnMember = 20;  // of a class derived from it
constexpr std::uint32_t kTorchLargerWords = 32;
constexpr std::uint32_t kTorchFirstSizes = 6;  // where c10::SizesAndStrides may begin
constexpr std::uint32_t kTorchLastSizes = 11;
constexpr std::uint32_t kTorchInlineSizes = 5;
constexpr std::uint32_t kTorchNumel = 12;  // words from there to the number of elements
constexpr std::uint32_t kViewBegin = 18;   // of a DifferentiableViewMeta, its own members
constexpr std::uint32_t kViewEnd = 30;
constexpr std::uint32_t kMaxNodeWords = 512;
constexpr std::uint32_t kNodeBaseWords = 24;  // what any node has at least
constexpr std::uint32_t kHookWords = 8;
constexpr Address kMaxVectorBytes = 16 << 20;

// SavedVariable: the tensor first, then pointers of forward mode, in older versions the tensor's
// version counter, two numbers, five flags, the hooks and what they are called with. Nodes counted
// by intrusive_ptr; by shared_ptr; the same with a version counter.
struct SavedForm {
  std::uint32_t words;
  std::uint32_t flags;
  std::uint32_t hooks;
};
constexpr SavedForm kSavedForms[] = {{10, 5, 6}, {13, 6, 7}, {14, 7, 8}};

constexpr const char* kNextLabels[] = {
    "next_functions[0][0]",  "next_functions[1][0]",  "next_functions[2][0]",
    "next_functions[3][0]",  "next_functions[4][0]",  "next_functions[5][0]",
    "next_functions[6][0]",  "next_functions[7][0]",  "next_functions[8][0]",
    "next_functions[9][0]",  "next_functions[10][0]", "next_functions[11][0]",
    "next_functions[12][0]", "next_functions[13][0]", "next_functions[14][0]",
    "next_functions[15][0]"};

Address WordAt(Address object, std::uint32_t index) noexcept {
  return PeekPointer(object, 8 * index);
}

// A node that a shared_ptr counts begins with a weak pointer to itself.
bool IsIntrusive(Address node) noexcept { return WordAt(node, 1) != node; }

}  // namespace

void TorchReader::Add(Address target, TorchRole role, const char* label) noexcept {
  if (!edges_.Push({target, role, label})) failed_ = true;
}

// Only one that leads back to the C++ object is its own; the lowest bits may say who owns whom.
void TorchReader::AddPythonObject(Address word, Address native, const char* label) noexcept {
  constexpr std::uint32_t kMaxWords = 48;
  word &= ~Address{7};
  if (word == native || !IsNativeAddress(word) || !objects_.IsLikelyObject(word)) return;
  for (std::uint32_t i = 2; i < kMaxWords; ++i) {
    if (!map_.IsReadable(word + 8 * i, 8)) return;
    if (WordAt(word, i) == native) {
      Add(word, TorchRole::kNone, label);
      return;
    }
  }
}

bool TorchReader::ReadVector(Address address, Vector* out) const noexcept {
  if (!map_.IsReadable(address, 24)) return false;
  const Address begin = PeekPointer(address, 0);
  const Address end = PeekPointer(address, 8);
  const Address room = PeekPointer(address, 16);
  if (!IsNativeAddress(begin) || ((end | room) & 7) != 0 || begin >= end || end > room ||
      room - begin > kMaxVectorBytes || !map_.IsReadable(begin, end - begin)) {
    return false;
  }
  *out = {begin, end};
  return true;
}

Address TorchReader::StorageOf(Address tensor) noexcept {
  if (!map_.IsReadable(tensor, 8 * kTorchEndOfMembers)) return 0;
  for (std::uint32_t i = kTorchFirstMember; i < kTorchEndOfMembers; ++i) {
    if (classes_.RoleAt(WordAt(tensor, i)) == TorchRole::kStorage) return WordAt(tensor, i);
  }
  return 0;
}

void TorchReader::ReadTensor(Address tensor, TorchRole role, TensorWords* words) noexcept {
  edges_.Clear();
  if (!map_.IsReadable(tensor, 8 * TensorWords::kTensor)) return;
  for (std::uint32_t i = 0; i < TensorWords::kTensor; ++i) {
    static_cast<void>(words->tensor.Push(WordAt(tensor, i)));
  }
  Address storage = 0;
  Address meta = 0;
  TorchRole meta_role = TorchRole::kNone;
  for (std::uint32_t i = kTorchFirstMember; i < kTorchEndOfMembers; ++i) {
    const Address word = WordAt(tensor, i);
    const TorchRole found = classes_.RoleAt(word);
    if (found == TorchRole::kStorage && storage == 0) {
      storage = word;
      Add(word, found, "untyped_storage()");
    } else if (IsAutogradRole(found) && meta == 0) {
      meta = word;
      meta_role = found;
    } else if (found == TorchRole::kVersion && map_.IsReadable(word, 32)) {
      const bool is_joint = Peek<std::uint64_t>(word, 8) >> 32 != 0;
      words->has_version = true;
      words->version = Peek<std::uint32_t>(word, is_joint ? 16 : 24);
    }
  }
  if (meta != 0) ReadAutograd(meta, meta_role, storage, words);
  for (std::uint32_t i = kTorchFirstMember; i < kTorchEndOfObjects; ++i) {
    AddPythonObject(WordAt(tensor, i), tensor, "its Python object");
  }
  // {count, pointer to sizes and strides} where they do not fit into the tensor itself.
  for (std::uint32_t i = kTorchFirstSizes; i <= kTorchLastSizes; ++i) {
    const std::uint64_t count = WordAt(tensor, i);
    const Address sizes = WordAt(tensor, i + 1);
    if (count <= kTorchInlineSizes || count > TensorWords::kSizes || !IsNativeAddress(sizes) ||
        !map_.IsReadable(sizes, count * 16)) {
      continue;
    }
    std::uint64_t product = 1;
    for (std::uint32_t k = 0; k < count; ++k) product *= WordAt(sizes, k);
    if (product != WordAt(tensor, i + kTorchNumel)) continue;
    for (std::uint32_t k = 0; k < count; ++k) {
      static_cast<void>(words->sizes.Push(WordAt(sizes, k)));
    }
    break;
  }
  if (role != TorchRole::kLargerTensor || !map_.IsReadable(tensor, 8 * kTorchLargerWords)) return;
  for (std::uint32_t i = kTorchFirstOwnMember; i < kTorchLargerWords; ++i) {
    const TorchRole found = classes_.RoleAt(WordAt(tensor, i));
    if (IsTensorRole(found)) Add(WordAt(tensor, i), found, "part");
  }
}

// AutogradMeta {virtual table, std::string, gradient, grad_fn, weak pointer to the accumulator,
// pointers of forward mode, hooks...}: a short text lies in the string itself, which then begins
// with that address; of the older ABI it is one pointer.
void TorchReader::ReadAutograd(Address meta, TorchRole role, Address storage,
                               TensorWords* words) noexcept {
  if (!map_.IsReadable(meta, 8 * TensorWords::kAutograd)) return;
  for (std::uint32_t i = 0; i < TensorWords::kAutograd; ++i) {
    static_cast<void>(words->autograd.Push(WordAt(meta, i)));
  }
  words->is_view = role == TorchRole::kViewAutograd;
  const std::uint32_t gradient = WordAt(meta, 1) == meta + 24 ? 5 : 2;
  const TorchRole of_gradient = classes_.RoleAt(WordAt(meta, gradient));
  if (IsTensorRole(of_gradient)) Add(WordAt(meta, gradient), of_gradient, "grad");
  const TorchRole of_node = classes_.RoleAt(WordAt(meta, gradient + 1));
  if (IsNodeRole(of_node)) Add(WordAt(meta, gradient + 1), of_node, "grad_fn");
  for (std::uint32_t i = gradient + 2; i < kViewBegin; ++i) {
    Vector vector;
    if (ReadVector(meta + 8 * i, &vector)) {
      ReadItems(vector);
    } else if (classes_.RoleAt(WordAt(meta, i)) == TorchRole::kHook) {
      Add(WordAt(meta, i), TorchRole::kHook, "hooks");
    }
  }
  if (role != TorchRole::kViewAutograd || storage == 0) return;
  // What a view is of shares its memory; a word that nobody cleared does so by chance only.
  for (std::uint32_t i = kViewBegin; i < kViewEnd && map_.IsReadable(meta + 8 * i, 8); ++i) {
    const TorchRole found = classes_.RoleAt(WordAt(meta, i));
    if (!IsTensorRole(found) || StorageOf(WordAt(meta, i)) != storage) continue;
    Add(WordAt(meta, i), found, "_base");
    return;
  }
}

// Edge {node, input}: of two words or, with a shared_ptr, of three.
bool TorchReader::ReadNextEdges(const Vector& vector, bool is_intrusive) noexcept {
  const Address stride = is_intrusive ? 16 : 24;
  if ((vector.end - vector.begin) % stride != 0) return false;
  bool has_node = false;
  for (Address at = vector.begin; at < vector.end; at += stride) {
    const Address word = PeekPointer(at, 0);
    const bool is_node = IsNodeRole(classes_.RoleAt(word));
    if (word != 0 && !is_node) return false;
    has_node |= is_node;
  }
  if (!has_node) return false;
  std::size_t index = 0;
  for (Address at = vector.begin; at < vector.end; at += stride, ++index) {
    const Address word = PeekPointer(at, 0);
    if (word == 0) continue;
    const bool is_named = index < sizeof(kNextLabels) / sizeof(kNextLabels[0]);
    Add(word, classes_.RoleAt(word), is_named ? kNextLabels[index] : "next_functions");
  }
  return true;
}

// The last word is one flag: how much was asked for may be known up to there only.
std::uint32_t TorchReader::SavedWords(Address address, Address end, std::uint32_t number,
                                      bool* has_tensor) noexcept {
  const SavedForm form = kSavedForms[number];
  if (address + 8 * (form.words - 1) > end || !map_.IsReadable(address, 8 * form.words)) return 0;
  const TorchRole role = classes_.RoleAt(WordAt(address, 0));
  if (WordAt(address, 0) != 0 && !IsTensorRole(role) && role != TorchRole::kUndefined) return 0;
  for (std::uint32_t i = 0; i < 5; ++i) {
    if (Peek<std::uint8_t>(address, 8 * form.flags + i) > 1) return 0;
  }
  if (number == 2 && WordAt(address, 5) != 0 &&
      classes_.RoleAt(WordAt(address, 5)) != TorchRole::kVersion) {
    return 0;
  }
  const Address hooks = WordAt(address, form.hooks);
  if (hooks != 0 && classes_.RoleAt(hooks) != TorchRole::kSavedHooks) return 0;
  *has_tensor |= IsTensorRole(role) || hooks != 0;
  return form.words;
}

// Of a node that is counted by shared_ptr: which form, by what stands in the place of the counter.
std::uint32_t TorchReader::FormAt(Address address, bool is_intrusive) noexcept {
  if (is_intrusive) return 0;
  if (!has_counters_ && map_.IsReadable(address, 48)) {
    has_counters_ = classes_.RoleAt(WordAt(address, 5)) == TorchRole::kVersion;
  }
  return has_counters_ ? 2 : 1;
}

void TorchReader::AddSaved(Address address, std::uint32_t number) noexcept {
  const SavedForm form = kSavedForms[number];
  const TorchRole role = classes_.RoleAt(WordAt(address, 0));
  if (IsTensorRole(role)) Add(WordAt(address, 0), role, "saved");
  const Address hooks = WordAt(address, form.hooks);
  if (hooks == 0) return;
  Add(hooks, TorchRole::kSavedHooks, "saved");
  // What unpacking needs: the node, and since nodes are counted by intrusive_ptr the accumulator.
  const Address node = WordAt(address, form.hooks + 1);
  const TorchRole of_node = classes_.RoleAt(node);
  if (IsNodeRole(of_node)) Add(node, of_node, "saved grad_fn");
  if (number != 0) return;
  const Address accumulator = WordAt(address, form.hooks + 2);
  const TorchRole of_accumulator = classes_.RoleAt(accumulator);
  if (IsNodeRole(of_accumulator)) Add(accumulator, of_accumulator, "saved grad_fn");
}

// Of hooks, of tensors or of saved ones; anything else is left alone.
bool TorchReader::ReadItems(const Vector& vector, bool hooks_only) noexcept {
  const TorchRole first = classes_.RoleAt(PeekPointer(vector.begin, 0));
  if (first == TorchRole::kHook) {
    for (Address at = vector.begin; at < vector.end; at += 8) {
      const Address word = PeekPointer(at, 0);
      if (classes_.RoleAt(word) == TorchRole::kHook) Add(word, TorchRole::kHook, "hooks");
    }
    return true;
  }
  if (hooks_only) return false;
  for (const std::uint32_t number : {0u, 2u, 1u}) {
    const Address stride = 8 * kSavedForms[number].words;
    if ((vector.end - vector.begin) % stride != 0) continue;
    bool has_tensor = false;
    bool is_saved = true;
    for (Address at = vector.begin; at < vector.end && is_saved; at += stride) {
      is_saved = SavedWords(at, vector.end, number, &has_tensor) != 0;
    }
    if (!is_saved || !has_tensor) continue;
    for (Address at = vector.begin; at < vector.end; at += stride) AddSaved(at, number);
    return true;
  }
  bool has_tensor = false;
  for (Address at = vector.begin; at < vector.end; at += 8) {
    const TorchRole role = classes_.RoleAt(PeekPointer(at, 0));
    if (!IsTensorRole(role) && role != TorchRole::kUndefined) return false;
    has_tensor |= IsTensorRole(role);
  }
  if (!has_tensor) return false;
  for (Address at = vector.begin; at < vector.end; at += 8) {
    const Address word = PeekPointer(at, 0);
    const TorchRole role = classes_.RoleAt(word);
    if (IsTensorRole(role)) Add(word, role, "tensors");
  }
  return true;
}

void TorchReader::ReadNode(Address node, TorchRole role, Address end) noexcept {
  edges_.Clear();
  // Where its end is not known: what each node has.
  if (end <= node) end = node + 8 * kNodeBaseWords;
  std::uint32_t words = static_cast<std::uint32_t>((end - node) / 8);
  if (words > kMaxNodeWords) words = kMaxNodeWords;
  if (!map_.IsReadable(node, 8 * words)) return;
  const bool is_intrusive = IsIntrusive(node);
  // What a Function of Python saves is in its ctx. Behind the node's members its block may hold
  // what its earlier owner left, saved tensors of another node among it.
  const bool saves = role != TorchRole::kPythonNode && role != TorchRole::kAccumulate;
  bool has_next = false;
  bool has_variable = false;
  for (std::uint32_t i = is_intrusive ? 2 : 3; i < words; ++i) {
    const Address word = WordAt(node, i);
    if (word == 0) continue;
    Vector vector;
    const bool may_be_next = !has_next && (next_at_ == 0 ? i < kNodeBaseWords : i == next_at_);
    if (ReadVector(node + 8 * i, &vector)) {
      if (may_be_next && ReadNextEdges(vector, is_intrusive)) {
        next_at_ = i;
        has_next = true;
        i += 2;
      } else if (ReadItems(vector, !saves)) {
        i += 2;
      }
      continue;
    }
    const TorchRole found = classes_.RoleAt(word);
    switch (found) {
      case TorchRole::kTensor:
      case TorchRole::kLargerTensor: {
        if (role == TorchRole::kAccumulate) {
          if (!has_variable) Add(word, found, "variable");
          has_variable = true;
          break;
        }
        if (!saves) break;
        bool has_tensor = false;
        std::uint32_t number = FormAt(node + 8 * i, is_intrusive);
        std::uint32_t saved = SavedWords(node + 8 * i, end, number, &has_tensor);
        // Those of some tensors have no counter, in a place for one.
        if (saved == 0 && number == 1) {
          number = 2;
          saved = SavedWords(node + 8 * i, end, number, &has_tensor);
        }
        if (saved == 0) break;
        AddSaved(node + 8 * i, number);
        i += saved - 1;
        break;
      }
      case TorchRole::kSavedHooks: {
        if (!saves) break;
        // Its tensor was packed: the record begins before, with nothing.
        const std::uint32_t number = is_intrusive ? 0 : has_counters_ ? 2 : 1;
        const std::uint32_t before = kSavedForms[number].hooks;
        if (i > before) AddSaved(node + 8 * (i - before), number);
        break;
      }
      case TorchRole::kHook:
        Add(word, found, "hooks");
        break;
      case TorchRole::kNode:
      case TorchRole::kAccumulate:
      case TorchRole::kPythonNode:
      case TorchRole::kCopySlices:
        if (role == TorchRole::kCopySlices && word != node && i >= kNodeBaseWords) {
          Add(word, found, "fn");
        }
        break;
      case TorchRole::kNone:
        AddPythonObject(word, node, role == TorchRole::kPythonNode ? "ctx" : "its Python object");
        break;
      case TorchRole::kOther:
      case TorchRole::kUndefined:
      case TorchRole::kStorage:
      case TorchRole::kAutograd:
      case TorchRole::kViewAutograd:
      case TorchRole::kMapAllocator:
      case TorchRole::kVersion:
        break;
    }
  }
}

// {virtual table, Python objects...}
void TorchReader::ReadHook(Address hook, Address end) noexcept {
  edges_.Clear();
  std::uint32_t words = kHookWords;
  if (end > hook && (end - hook) / 8 < words) words = static_cast<std::uint32_t>((end - hook) / 8);
  if (end <= hook) words = 2;
  if (!map_.IsReadable(hook, 8 * words)) return;
  for (std::uint32_t i = 1; i < words; ++i) {
    const Address word = WordAt(hook, i);
    if (objects_.IsLikelyObject(word)) Add(word, TorchRole::kNone, "hook");
  }
}

void TorchReader::ReadStorage(Address storage) noexcept {
  constexpr std::uint32_t kWords = 16;
  edges_.Clear();
  if (!map_.IsReadable(storage, 8 * kWords)) return;
  for (std::uint32_t i = 2; i < kWords; ++i) {
    AddPythonObject(WordAt(storage, i), storage, "its Python object");
  }
}

void TorchReader::ReadPythonTensor(Address object, std::uint32_t words) noexcept {
  edges_.Clear();
  for (std::uint32_t i = 2; i < words; ++i) {
    const Address word = WordAt(object, i);
    const TorchRole role = classes_.RoleAt(word);
    if (IsTensorRole(role) || role == TorchRole::kStorage) Add(word, role, "");
  }
}

void TorchReader::ReadPythonNode(Address object, std::uint32_t words) noexcept {
  edges_.Clear();
  if (words < 3) return;
  const TorchRole role = classes_.RoleAt(WordAt(object, 2));
  if (IsNodeRole(role)) Add(WordAt(object, 2), role, "");
}

// THPFunction: it has the saved tensors, in a vector; its node it owns since nodes are counted by
// intrusive_ptr, before it had a weak pointer {node, counts}.
void TorchReader::ReadContext(Address context, std::uint32_t words) noexcept {
  edges_.Clear();
  for (std::uint32_t i = 2; i < words; ++i) {
    Vector vector;
    if (i + 3 <= words && ReadVector(context + 8 * i, &vector)) {
      if (ReadItems(vector)) i += 2;
      continue;
    }
    const Address word = WordAt(context, i);
    const TorchRole role = classes_.RoleAt(word);
    if (IsNodeRole(role) && IsIntrusive(word)) Add(word, role, "");
  }
}

}  // namespace memwhy::agent
