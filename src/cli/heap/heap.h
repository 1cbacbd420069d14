// SPDX-License-Identifier: Apache-2.0
//
// `memwhy heap ...`: each of its commands is a file of its own and adds itself here.
#pragma once

namespace CLI {
class App;
}

namespace memwhy::cli {

using AddHeapCommand = void (*)(CLI::App& heap, int* exit_code);

class HeapCommandRegistrar {
 public:
  // `order` places the command in the help text.
  HeapCommandRegistrar(int order, AddHeapCommand add);
};

}  // namespace memwhy::cli
