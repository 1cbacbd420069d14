// SPDX-License-Identifier: Apache-2.0
// Classes of pybind11 in every form that holds objects.
#include <pybind11/functional.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace {

struct Holder {  // in the instance's own memory is only a pointer to this
  explicit Holder(py::object object) : thing(std::move(object)) {}
  double before = 1;
  py::object thing;
};

struct Many {
  std::vector<py::object> things;
  std::map<std::string, py::object> named;
};

struct Node : std::enable_shared_from_this<Node> {
  explicit Node(py::object object) : thing(std::move(object)) {}
  py::object thing;
  std::shared_ptr<Node> next;
};

struct Bus {
  std::vector<std::function<void(int)>> callbacks;
};

struct Open {  // with attributes
  int number = 0;
};

struct Parent {};
struct Child {
  explicit Child(py::object object) : thing(std::move(object)) {}
  py::object thing;
};

struct Base {
  virtual ~Base() = default;
  virtual int Value() { return 0; }
};
struct Trampoline : Base {
  int Value() override { PYBIND11_OVERRIDE(int, Base, Value, ); }
};

std::vector<py::object>* g_kept;  // never freed: destructors would run without an interpreter

}  // namespace

PYBIND11_MODULE(pybind11_holders, m) {
  g_kept = new std::vector<py::object>();
  py::class_<Holder>(m, "Holder").def(py::init<py::object>());
  py::class_<Many>(m, "Many")
      .def(py::init<>())
      .def("append", [](Many& self, py::object o) { self.things.push_back(std::move(o)); })
      .def("put", [](Many& self, const std::string& key, py::object o) {
        self.named[key] = std::move(o);
      });
  py::class_<Node, std::shared_ptr<Node>>(m, "Node")
      .def(py::init<py::object>())
      .def("link", [](Node& self, std::shared_ptr<Node> next) { self.next = std::move(next); });
  py::class_<Bus>(m, "Bus")
      .def(py::init<>())
      .def("listen",
           [](Bus& self, std::function<void(int)> f) { self.callbacks.push_back(std::move(f)); });
  py::class_<Open>(m, "Open", py::dynamic_attr()).def(py::init<>());
  py::class_<Child>(m, "Child").def(py::init<py::object>());
  py::class_<Parent>(m, "Parent")
      .def(py::init<>())
      .def("adopt", [](Parent&, py::object) {}, py::keep_alive<1, 2>());
  py::class_<Base, Trampoline>(m, "Base").def(py::init<>()).def("value", &Base::Value);
  m.def("keep", [](py::object o) { g_kept->push_back(std::move(o)); });
  m.def("lose", [](py::object o) { o.inc_ref(); });
  m.def("capsule", [](py::object o) {
    return py::capsule(new py::object(std::move(o)),
                       [](void* p) { delete static_cast<py::object*>(p); });
  });
}
