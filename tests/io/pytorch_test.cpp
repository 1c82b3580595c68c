// PyTorch's files: its own, and what is written for it.
#include "support/messages.hpp"
#include "support/zip_maker.hpp"

#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <atomic>
#include <limits>
#include <thread>
#include <vector>

using namespace xgrad;
using namespace xgrad::test;

namespace {

io::detail::Contents open(const io::detail::SharedInput& input) {
  return io::detail::open_pytorch(input, {});
}

std::string pytorch(const StateDict& dict) {
  return written([&](io::detail::Sink& sink) { io::detail::write_pytorch(sink, dict); });
}

}  // namespace

TEST_CASE("pytorch: PyTorch's files") {
  if (!zips_are_read()) return;
  std::size_t read = 0;
  for (const goldens::TensorFile& file : goldens::pytorch_files()) {
    if (file.items.empty()) continue;
    const io::detail::Contents contents = open(input_of(file.bytes));
    check_holds(contents, file);
    CHECK(contents.layout == StateDict::Layout::pytorch);
    CHECK(io::detail::holds_pytorch(input_of(file.bytes)));
    ++read;
  }
  CHECK(read == 9);
  CHECK_FALSE(io::detail::holds_pytorch(input_of(golden(goldens::npz_files(), "plain").bytes)));
}

TEST_CASE("pytorch: tensors that share elements are read in any order, and once the storage is known") {
  if (!zips_are_read()) return;
  for (const char* name : {"views", "big-endian", "packed"}) {
    const auto files = goldens::pytorch_files();
    const goldens::TensorFile& file = golden(files, name);
    const io::detail::Contents contents = open(input_of(file.bytes));
    check_holds(contents, file);
    check_holds(contents, file);
    const io::detail::Contents backwards = open(input_of(file.bytes));
    for (std::size_t i = file.items.size(); i-- > 0;)
      CHECK(bitwise_equal(backwards.read(i), contents.read(i)));
  }
}

TEST_CASE("pytorch: several threads read one file" * doctest::test_suite("threads")) {
  if (!zips_are_read()) return;
  StateDict dict;
  for (int i = 0; i < 20; ++i) dict.set(std::to_string(i), full({1000, i}, i));
  const std::string ours = pytorch(dict);
  const auto files = goldens::pytorch_files();
  for (const std::string_view bytes : {std::string_view(ours), golden(files, "views").bytes}) {
    const StateDict expected = read_all(open(input_of(bytes)));
    const io::detail::Contents contents = open(input_of(bytes));
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&] {
        for (std::size_t i = 0; i < expected.size(); ++i)
          wrong += !bitwise_equal(contents.read(i), expected[i].second);
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
  }
}

TEST_CASE("pytorch: texts are metadata") {
  if (!zips_are_read()) return;
  const auto files = goldens::pytorch_files();
  const io::Metadata expected{{"history.2.0", "x"}, {"name", "first"}};
  CHECK(open(input_of(golden(files, "checkpoint").bytes)).metadata == expected);
}

TEST_CASE("pytorch: what is not read is named") {
  if (!zips_are_read()) return;
  const auto files = goldens::pytorch_files();
  const std::pair<const char*, const char*> reasons[] = {
      {"TorchScript", "a program of TorchScript's"},
      {"one tensor", "expects a dictionary of tensors, got a tensor"},
      {"complex", "elements of the type torch.ComplexFloatStorage"},
      {"sparse", "asks for torch._utils._rebuild_sparse_tensor"},
      {"quantized", "asks for torch._utils._rebuild_qtensor"},
      {"negative bit", "a tensor that is to be negated"},
      {"set", "asks for __builtin__.set"},
  };
  for (const auto& row : reasons) {
    const auto said = rejection(open, golden(files, row.first).bytes);
    REQUIRE(said);
    CAPTURE(*said);
    CHECK(contains(*said, row.second));
  }
}

TEST_CASE("pytorch: what was written is read, bit by bit") {
  if (!zips_are_read()) return;
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor numbers = Tensor({{0.0, -0.0, inf}, {-inf, nan, 5e-324}}, float64);
  StateDict dict{
      {"layer.weight", numbers.to(float32)}, {"layer.größe", numbers},
      {"row", numbers.rows(1, 2)},           {"labels", Tensor{1, -1, std::numeric_limits<Index>::min()}},
      {"bytes", Tensor({1, 255}, uint8)},    {"mask", Tensor({1, 0, 1}, boolean)},
      {"empty", zeros({2, 0, 3})},           {"scalar", scalar(-2.5)},
      {"long", zeros({70'000}, uint8)},      {"deep", zeros({1, 1, 1, 1, 1, 1, 1, 300})}};
  for (int i = 0; i < 300; ++i) dict.set("many." + std::to_string(i), scalar(i));
  const std::string bytes = pytorch(dict);
  CHECK(pytorch(dict) == bytes);
  const StateDict found = read_all(open(input_of(bytes)));
  REQUIRE(found.size() == dict.size());
  CHECK(found.layout() == StateDict::Layout::pytorch);
  for (std::size_t i = 0; i < dict.size(); ++i) {
    CHECK(found[i].first == dict[i].first);
    CHECK(bitwise_equal(found[i].second, dict[i].second));
  }
  CHECK(open(input_of(pytorch({}))).entries.empty());
  CHECK(contains(message_of<ValueError>([&] { pytorch({{"\xff", numbers}}); }), "UTF-8"));
}

TEST_CASE("pytorch: cut short and damaged") {
  if (!zips_are_read()) return;
  const std::string ours = pytorch({{"a", Tensor{1.5, 2.5}}, {"b", Tensor({1, 0}, boolean)}});
  const auto files = goldens::pytorch_files();
  for (const std::string_view bytes : {std::string_view(ours), golden(files, "packed").bytes}) {
    check_prefixes(open, bytes);
    survivors_of_damage(open, bytes);
  }
  survivors_of_damage(open, golden(files, "views").bytes);
  const std::string_view elements("\0\0\xc0\x3f\0\0\x20\x40", 8);
  REQUIRE(ours.find(elements) != ours.npos);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    std::string damaged = ours;
    damaged[ours.find(elements) + i] ^= 1;
    const auto said = rejection(open, damaged);
    REQUIRE(said);
    CHECK(contains(*said, {"the member archive/data/0 is damaged", "CRC"}));
  }
}
