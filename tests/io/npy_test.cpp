// npy files: NumPy's own, every spelling of the header, and files made to hurt.
#include "support/tensor_files.hpp"

#include <xgrad/io/npy.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <limits>

using namespace xgrad;
using namespace xgrad::test;

namespace {

io::detail::Contents open(const io::detail::SharedInput& input) { return io::detail::open_npy(input); }

std::string npy(std::string_view header, std::string_view elements) {
  const std::size_t size = header.size();
  return "\x93NUMPY" + std::string{1, 0, static_cast<char>(size & 0xff), static_cast<char>(size >> 8)} +
         std::string(header) + std::string(elements);
}

// One byte for each of six elements.
std::string bytes_of(std::string_view header) { return npy(header, {"\0\1\2\3\4\5", 6}); }

void check_rejected(const std::string& bytes, const std::string& reason) {
  const auto said = rejection(open, bytes);
  REQUIRE(said);
  CAPTURE(*said);
  CHECK(said->find(reason) != std::string::npos);
}

}  // namespace

TEST_CASE("npy: NumPy's files") {
  for (const goldens::TensorFile& file : goldens::npy_files()) {
    if (file.items.empty())
      CHECK(rejection(open, file.bytes));
    else
      check_holds(open(input_of(file.bytes)), file);
  }
}

TEST_CASE("npy: types that are not read are named") {
  const auto files = goldens::npy_files();
  const std::pair<const char*, const char*> reasons[] = {
      {"text", "'<U2' (text)"},
      {"bytes", "'|S2' (text)"},
      {"objects", "'|O' (Python objects"},
      {"complex", "'<c16' (complex"},
      {"dates", "'<M8[D]' (dates)"},
      {"times", "'<m8[s]' (times)"},
      {"long floats", "'<f16' (long floats)"},
      {"void", "'|V3' (raw bytes)"},
      {"records", "structured type"},
  };
  for (const auto& [name, reason] : reasons) check_rejected(std::string(golden(files, name).bytes), reason);
}

TEST_CASE("npy: written byte by byte as NumPy does") {
  std::size_t same = 0;
  for (const goldens::TensorFile& file : goldens::npy_files()) {
    if (file.items.empty() || file.bytes[6] != 1 || file.name.starts_with("big-endian") ||
        file.name.starts_with("Fortran"))
      continue;
    const Tensor tensor = open(input_of(file.bytes)).read(0);
    if (to_string(tensor.dtype()) != file.items[0].stored) continue;  // it was widened
    CAPTURE(file.name);
    CHECK(written([&](io::detail::Sink& sink) { io::detail::write_npy(sink, tensor); }) == file.bytes);
    ++same;
  }
  CHECK(same == 8);
}

TEST_CASE("npy: what was written is read, bit by bit") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor numbers = Tensor({{0.0, -0.0, inf}, {-inf, nan, 5e-324}}, float64);
  const Shape longest{1000000, 1, 1, 1, 1, 1, 1, 0};
  for (const Tensor& tensor : {numbers, numbers.to(float32), Tensor{1, -1, std::numeric_limits<Index>::min()},
                               numbers.to(float32).rows(1, 2), zeros(longest), scalar(1, boolean)}) {
    const std::string bytes = written([&](io::detail::Sink& sink) { io::detail::write_npy(sink, tensor); });
    CHECK((bytes.size() - static_cast<std::size_t>(tensor.bytes())) % 64 == 0);
    CHECK(bitwise_equal(open(input_of(bytes)).read(0), tensor));
  }
}

TEST_CASE("npy: large arrays in Fortran's order are read piece by piece") {
  // Many columns in a piece, and many pieces in a column.
  for (const auto& [rows, columns] : {std::pair<Index, Index>{700, 1501}, {600'000, 2}}) {
    std::string elements;
    for (Index column = 0; column < columns; ++column)
      for (Index row = 0; row < rows; ++row) {
        const auto value = static_cast<std::uint16_t>((row * columns + column) & 0x7fff);
        elements += {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
      }
    const std::string bytes = npy("{'descr': '>i2', 'fortran_order': True, 'shape': (" +
                                      std::to_string(rows) + ", " + std::to_string(columns) + "), }\n",
                                  elements);
    const Tensor tensor = open(input_of(bytes)).read(0);
    REQUIRE(tensor.shape() == Shape{rows, columns});
    Index wrong = 0;
    for (Index i = 0; i < tensor.count(); ++i) wrong += tensor.data<std::int64_t>()[i] != (i & 0x7fff);
    CHECK(wrong == 0);
  }
}

TEST_CASE("npy: every spelling of the header that Python writes") {
  const Tensor expected = Tensor({{0, 1, 2}, {3, 4, 5}}, uint8);
  for (const char* header : {
           "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }   \n",
           "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3)}",
           "{\"shape\":(2L,3L),\"descr\":\"<u1\",\"fortran_order\":False}",
           " { 'fortran_order' : False , 'shape' : ( 2 , 3 , ) , 'descr' : '>u1' , } \t\n\n",
       }) {
    CAPTURE(header);
    const std::string bytes = bytes_of(header);
    CHECK(bitwise_equal(open(input_of(bytes)).read(0), expected));
  }
}

TEST_CASE("npy: headers that are not quite") {
  const std::pair<const char*, const char*> headers[] = {
      {"", "'{'"},
      {"{}", "lacks the key 'descr'"},
      {"{'descr': '|u1', 'fortran_order': False}", "lacks the key 'shape'"},
      {"{'descr': '|u1', 'shape': (2, 3)}", "lacks the key 'fortran_order'"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), 'x': 1}", "unknown key 'x'"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), 'shape': (2, 3)}", "'shape' twice"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3)} x", "goes on after"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3)", "',' here"},
      {"{'descr': '|u1' 'fortran_order': False, 'shape': (2, 3)}", "',' here"},
      {"{'descr': '|u1', 'fortran_order': False, , 'shape': (2, 3)}", "''' here"},
      {"{'descr': '|u1', 'fortran_order': 0, 'shape': (2, 3)}", "True or False"},
      {"{'descr': '|u1', 'fortran_order': Falsehood, 'shape': (2, 3)}", "True or False"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (6)}", "must be a tuple"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': 6}", "'(' here"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (,)}", "whole numbers"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (2 3)}", "',' or ')'"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (-2, 3)}", "whole numbers"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (02, 3)}", "whole numbers"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (2.0, 3)}", "',' or ')'"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}", "too large"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "than there can be"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296)}", "can be"},
      {"{'descr': '|i1', 'fortran_order': False, 'shape': (0, 288230376151711744)}", "can be"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,6)}", "more than 8 axes"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 4)}", "takes 8 bytes, there are 6"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (5,)}", "takes 5 bytes, there are 6"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (100000000000,)}", "there are 6"},
      {"{'descr': 'u1', 'fortran_order': False, 'shape': (6,)}", "'u1'"},
      {"{'descr': '=u1', 'fortran_order': False, 'shape': (6,)}", "'=u1'"},
      {"{'descr': '|u2', 'fortran_order': False, 'shape': (3,)}", "'|u2'"},
      {"{'descr': '', 'fortran_order': False, 'shape': (6,)}", "''"},
      {"{'descr': '|', 'fortran_order': False, 'shape': (6,)}", "'|'"},
      {"{'descr': '|u1, 'fortran_order': False, 'shape': (6,)}", "'|u1, '"},
      {"{'descr': '|u1", "does not end"},
      {"{'descr': '|u\\x31', 'fortran_order': False, 'shape': (6,)}", "does not end"},
      {"{'descr': u1, 'fortran_order': False, 'shape': (6,)}", "''' here"},
  };
  for (const auto& row : headers) {
    CAPTURE(row.first);
    check_rejected(bytes_of(row.first), row.second);
  }
  check_rejected(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", "\1\2"), "no boolean");
  check_rejected("\x93NUMPY" + std::string{4, 0}, "ends within the header");
  check_rejected("\x93NUMPY" + std::string{4, 0, 0, 0}, "version 4.0");
  check_rejected("\x93NUMPY" + std::string{1, 1, 0, 0}, "version 1.1");
  check_rejected("\x93NUMPY" + std::string{2, 0, '\xff', '\xff', '\xff', '\x7f'}, "ends within the header");
  check_rejected("\x93NUMPY" + std::string{2, 0, 1, 0, 1, 0} + std::string(70'000, ' '), "structured types");
}

TEST_CASE("npy: cut short, damaged, followed by something") {
  for (const char* name : {"f4", "b1", "version 2", "Fortran of rank 3"}) {
    const auto files = goldens::npy_files();
    const std::string_view bytes = golden(files, name).bytes;
    check_prefixes(open, bytes);
    CHECK(survivors_of_damage(open, bytes) > 0);
    check_rejected(std::string(bytes) + '\0', "bytes, there are");
  }
}
