// npz files: NumPy's own, archives that were damaged, and archives made to hurt.
#include "support/messages.hpp"
#include "support/zip_maker.hpp"

#include <xgrad/io/npy.hpp>
#include <xgrad/io/zip.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

using namespace xgrad;
using namespace xgrad::test;

namespace {

io::detail::Contents open(const io::detail::SharedInput& input) { return io::detail::open_npz(input, {}); }

std::string npz(const StateDict& dict) {
  return written([&](io::detail::Sink& sink) { io::detail::write_npz(sink, dict); });
}

std::string npy(const Tensor& tensor) {
  return written([&](io::detail::Sink& sink) { io::detail::write_npy(sink, tensor); });
}

void check_rejected(const std::string& bytes, std::initializer_list<const char*> reasons) {
  const auto said = rejection(open, bytes);
  REQUIRE(said);
  CAPTURE(*said);
  CHECK(contains(*said, reasons));
}

const Tensor numbers = Tensor{{1.5, -2.0, 0.0}, {3.0, 4.0, 5.0}};

}  // namespace

TEST_CASE("npz: NumPy's files") {
  if (!zips_are_read()) return;
  for (const goldens::TensorFile& file : goldens::npz_files()) {
    if (file.name != "text") check_holds(open(input_of(file.bytes)), file);
  }
  const auto files = goldens::npz_files();
  check_rejected(std::string(golden(files, "text").bytes), {"text.npy", "'<U1' (text)"});
}

TEST_CASE("npz: what was written is read, and the same dictionary gives the same bytes") {
  if (!zips_are_read()) return;
  StateDict dict{{"layer.weight", numbers},
                 {"labels", Tensor{1, -1, std::numeric_limits<Index>::max()}},
                 {"mask", Tensor({1, 0}, boolean)},
                 {"empty", zeros({0, 3}, float64)},
                 {"scalar.npy", scalar(7, uint8)},
                 {"große/Größe", numbers.to(float64).rows(1, 2)},
                 {"large", full({300, 1000}, 0.1, float64)}};
  const std::string bytes = npz(dict);
  CHECK(npz(dict) == bytes);
  CHECK(bytes.substr(10, 4) == little(0, 2) + little(1 << 5 | 1, 2));  // 1980-01-01, whatever the clock says
  const StateDict found = read_all(open(input_of(bytes)));
  REQUIRE(found.size() == dict.size());
  for (std::size_t i = 0; i < dict.size(); ++i) {
    CHECK(found[i].first == dict[i].first);
    CHECK(bitwise_equal(found[i].second, dict[i].second));
  }
  // The order of axes stands in the archive's comment.
  CHECK(open(input_of(bytes)).layout == StateDict::Layout::unknown);
  for (const auto layout : {StateDict::Layout::xgrad, StateDict::Layout::pytorch}) {
    dict.set_layout(layout);
    const std::string marked = npz(dict);
    CHECK(open(input_of(marked)).layout == layout);
  }
  CHECK(npz({}) == zipped({}));
  CHECK(open(input_of(npz({}))).entries.empty());
  const auto refusal = [](const std::string& name) {
    return message_of<ValueError>([&] { npz({{name, numbers}}); });
  };
  CHECK(contains(refusal(std::string("a\0b", 3)), "none of them zero, got one of 7, 'a'"));
  CHECK(contains(refusal(std::string(70'000, 'a')), "got one of 70004, 'aaa"));
  CHECK(contains(refusal("\xff"), "cannot be a name in a zip archive"));
}

TEST_CASE("npz: what follows the archive is none of it") {
  if (!zips_are_read()) return;
  const std::string bytes = npz({{"a", numbers}});
  for (const std::string& more : {std::string(1, '\0'), std::string("garbage"), std::string(100, '\0')})
    check_rejected(bytes + more, {"something follows the end of the archive"});
}

TEST_CASE("npz: a disk without room") {
  if (!zips_are_read()) return;
  // Behind the largest offset that a file can have, nothing can be written.
  const TemporaryDirectory directory;
  io::detail::Sink sink(directory.path("file"));
  sink.seek(std::uint64_t{std::numeric_limits<std::int64_t>::max()} - 10);
  const StateDict dict{{"a", numbers}};
  CHECK_THROWS_AS(io::detail::write_npz(sink, dict), IoError);
}

TEST_CASE("npz: cut short and damaged") {
  if (!zips_are_read()) return;
  const auto files = goldens::npz_files();
  const std::string ours = npz({{"a", numbers}, {"b", Tensor({1, 0}, boolean)}});
  for (const std::string_view bytes : {std::string_view(ours), golden(files, "packed").bytes}) {
    check_prefixes(open, bytes);
    survivors_of_damage(open, bytes);
  }
  // Where a change could be taken for another number, the check sum tells.
  const std::size_t elements = ours.find(std::string_view(reinterpret_cast<const char*>(numbers.raw()),
                                                          static_cast<std::size_t>(numbers.bytes())));
  REQUIRE(elements != ours.npos);
  for (std::size_t i = 0; i < static_cast<std::size_t>(numbers.bytes()); ++i) {
    std::string damaged = ours;
    damaged[elements + i] ^= 1;
    check_rejected(damaged, {"the member a.npy is damaged", "CRC"});
  }
}

TEST_CASE("npz: the part of a member that is not needed is compared, too") {
  if (!zips_are_read()) return;
  // Longer than what is read at once; the change is in the header, which open() has read.
  const std::string content = npy(full({100'000}, 1));
  std::string changed = content;
  changed[changed.find(", }") + 1] = '\t';
  std::string bytes = zipped({{.name = "a.npy", .content = content}});
  bytes.replace(bytes.find(content), content.size(), changed);
  const io::detail::Contents contents = open(input_of(bytes));
  CHECK(contains(message_of<FormatError>([&] { contents.read(0); }), "CRC"));
  // Of zlib's own check of the packed bytes nothing is left out either.
  bytes = zipped({{.name = "a.npy", .content = content, .packed = true, .said_crc = 1}});
  check_rejected(bytes, {"the member a.npy is damaged", "CRC"});
}

TEST_CASE("npz: archives that say what is not true") {
  if (!zips_are_read()) return;
  const std::string content = npy(numbers), zeros_content = npy(zeros({1000, 1000}));
  const std::string name = "a.npy";
  CHECK_FALSE(rejection(open, zipped({{name, content}, {"b.npy", content, true}})));

  check_rejected(zipped({{name, content}, {name, content}}), {"a.npy", "twice"});
  check_rejected(zipped({{"b/", ""}}), {"the member b/", "end in .npy"});
  check_rejected(zipped({{"read me", "x"}}), {"the member read me", "end in .npy"});
  check_rejected(zipped({{name, content + "x"}}), {"a.npy", "takes 24 bytes, there are 25"});
  check_rejected(zipped({{name, content.substr(0, content.size() - 1)}}), {"takes 24 bytes, there are 23"});
  check_rejected(zipped({{name, content.substr(0, 50)}}), {"a.npy", "ends within the header"});
  check_rejected(zipped({{name, ""}}), {"a.npy", "ends within the header"});
  check_rejected(zipped({{.name = name, .content = content, .flags = 1}}), {"a.npy is encrypted"});
  check_rejected(zipped({{.name = name, .content = content, .method = 12}}), {"a.npy", "method 12"});
  check_rejected(zipped({{.name = name, .content = content, .said_size = 100}}), {"cannot be of 100 bytes"});
  check_rejected(zipped({{.name = name, .content = content, .packed = true, .said_size = 0x7fffffff}}),
                 {"cannot be of 2147483647 bytes"});
  // What is packed is shorter or longer than the archive says; npy data of that size stand in it.
  for (const std::int64_t more : {-4, 4}) {
    const std::string said = npy(zeros({250 + more / 4}));
    const std::string bytes = zipped({{.name = name,
                                       .content = said.substr(0, 128) + std::string(1000, '\0'),
                                       .packed = true,
                                       .said_size = static_cast<std::int64_t>(said.size())}});
    CHECK(rejection(open, bytes));
  }
}

TEST_CASE("npz: archives that unpack to very much") {
  if (!zips_are_read()) return;
  const std::string content = npy(zeros({1000, 1000}));
  std::vector<ZipPart> parts;
  for (int i = 0; i < 3; ++i) parts.push_back({std::to_string(i) + ".npy", content, true});
  const std::string bytes = zipped(parts);
  CHECK(bytes.size() < 60'000);
  const auto limited = [&](std::uint64_t most) {
    return message_of<FormatError>([&] { io::detail::open_npz(input_of(bytes), {.max_unpacked = most}); });
  };
  CHECK(contains(limited(3 * content.size() - 1), {"unpacks to 12000384 bytes", "max_unpacked"}));
  CHECK(contains(limited(1), "max_unpacked"));
  CHECK(io::detail::open_npz(input_of(bytes), {.max_unpacked = 3 * content.size()}).entries.size() == 3);
  CHECK(open(input_of(bytes)).entries.size() == 3);
  // Beyond what is allowed unasked, 64 MiB.
  while (parts.size() < 17) parts.push_back({std::to_string(parts.size()) + ".npy", content, true});
  check_rejected(zipped(parts), {"unpacks to 68002176 bytes", "max_unpacked"});
  // Members that share their bytes would be a bomb without packing.
  const std::string first = npy(zeros({1000}));
  check_rejected(zipped({{"a.npy", first}, {"a.npx", first}, {"a.npz", first}}, true),
                 {"stands where others do"});
}
