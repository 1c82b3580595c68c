// HDF5 files: every type of elements, and what is refused.
#include <xgrad/data/hdf5.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <support/files.hpp>

#include "goldens/hdf5.hpp"
#include "support/messages.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>

namespace {

using namespace xgrad;
using test::Bytes, test::contains, test::message_of, test::TemporaryDirectory;

// Whether this build reads HDF5; where it does not, it says which package is missing.
bool is_built(const std::string& path) {
  const std::string message = message_of<NotImplementedError>([&] { data::hdf5_datasets(path); });
  if (contains(message, "nothing of that type")) return true;
  CHECK(contains(message, "libhdf5-dev"));
  MESSAGE("skipped: this build reads no HDF5");
  return false;
}

}  // namespace

TEST_CASE("read_hdf5: every type") {
  const TemporaryDirectory directory;
  const std::string path = directory.write("x.h5", goldens::hdf5);
  if (!is_built(path)) return;
  const std::vector<std::string> names = data::hdf5_datasets(path);
  CHECK(std::is_sorted(names.begin(), names.end()));
  CHECK(std::count(names.begin(), names.end(), "numbers/u1") == 1);
  CHECK(std::count(names.begin(), names.end(), "numbers") == 0);
  CHECK(names.size() == 28);
  const Tensor grid = arange(6).reshape({2, 3});
  const std::vector<std::pair<const char*, DType>> types = {
      {"u1", uint8},    {"i1", int64},    {"<i2", int64}, {">i2", int64}, {"u2", int64},
      {"i4", int64},    {"u4", int64},    {"i8", int64},  {"u8", int64},  {"f2", float32},
      {"<f4", float32}, {">f4", float32}, {"f8", float64}};
  for (const auto& pair : types) {
    const std::string name = pair.first;
    CAPTURE(name);
    const DType dtype = pair.second;
    CHECK(bitwise_equal(data::read_hdf5(path, "numbers/" + name), grid.to(dtype)));
  }
  CHECK(bitwise_equal(data::read_hdf5(path, "/numbers/u1"), grid.to(uint8)));
  CHECK(bitwise_equal(data::read_hdf5(path, "soft"), grid.to(uint8)));
  CHECK(bitwise_equal(data::read_hdf5(path, "negative"), Tensor{INT64_MIN, std::int64_t{-1}}));
  CHECK(bitwise_equal(data::read_hdf5(path, "boolean"), Tensor({1, 0}, boolean)));
  CHECK(bitwise_equal(data::read_hdf5(path, "scalar"), scalar(1.5, float64)));
  CHECK(bitwise_equal(data::read_hdf5(path, "empty"), zeros({0, 3})));
  CHECK(bitwise_equal(data::read_hdf5(path, "packed"), full({64, 64}, 7, uint8)));
  CHECK(bitwise_equal(data::read_hdf5(path, "unwritten"), full({4}, 2.5)));
}

TEST_CASE("read_hdf5: what is no tensor is refused") {
  const TemporaryDirectory directory;
  const std::string path = directory.write("x.h5", goldens::hdf5);
  if (!is_built(path)) return;
  const std::vector<std::pair<const char*, const char*>> types = {
      {"strings", "strings"},
      {"compound", "compounds"},
      {"complex", "compounds"},
      {"enumeration", "an enumeration"},
      {"long", "floating-point numbers of 128 bits"}};
  for (const auto& pair : types) {
    const std::string name = pair.first, type = pair.second;
    const std::string message = message_of<DTypeError>([&] { data::read_hdf5(path, name); });
    CHECK_MESSAGE(contains(message, "hdf5_test.cpp"), message);
    CHECK_MESSAGE(contains(message, path + ": the dataset \"" + name + "\" has " + type), message);
  }
  CHECK(contains(message_of<FormatError>([&] { data::read_hdf5(path, "beyond"); }),
                 {"\"beyond\" has the number 9223372036854775808, beyond int64"}));
  CHECK(contains(message_of<FormatError>([&] { data::read_hdf5(path, "holes"); }),
                 {"declares (1099511627776)", "bytes of the file can hold"}));
  CHECK(contains(message_of<FormatError>([&] { data::read_hdf5(path, "axes"); }), "9 axes, more than 8"));
  CHECK(contains(message_of<FormatError>([&] { data::read_hdf5(path, "nothing"); }), "it has no shape"));
  for (const char* name : {"none", "numbers", "numbers/none", "", "elsewhere"})
    CHECK(contains(message_of<ValueError>([&] { data::read_hdf5(path, name); }),
                   {"there is no dataset \"", name, "there are \"axes\", \"beyond\""}));
  CHECK_THROWS_AS(data::read_hdf5(path, std::string(1, '\0')), ValueError);
  // A dataset of another file that is there.
  directory.write("other.h5", goldens::hdf5);
  CHECK(contains(message_of<FormatError>([&] { data::read_hdf5(path, "elsewhere"); }),
                 "\"elsewhere\" is in another file"));
}

TEST_CASE("read_hdf5: bad files") {
  const TemporaryDirectory directory;
  if (!is_built(directory.write("x.h5", goldens::hdf5))) return;
  CHECK(contains(message_of<IoError>([&] { data::read_hdf5(directory.path("none.h5"), "x"); }),
                 {"hdf5_test.cpp", "read_hdf5", "none.h5", "No such file"}));
  CHECK_THROWS_AS(data::hdf5_datasets(directory.path("")), IoError);
  for (const Bytes& bytes : {Bytes{}, Bytes{'x'}, Bytes(goldens::hdf5.begin(), goldens::hdf5.begin() + 100)})
    CHECK(contains(message_of<FormatError>([&] { data::hdf5_datasets(directory.write("bad.h5", bytes)); }),
                   {"hdf5_datasets", "bad.h5: HDF5: "}));
}
