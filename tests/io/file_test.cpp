// load, save and File: what holds for every format.
#include <xgrad/io/file.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <support/files.hpp>
#include <support/messages.hpp>

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

namespace {

using namespace xgrad;
namespace fs = std::filesystem;
using test::Bytes, test::contains, test::message_of, test::TemporaryDirectory;

const StateDict small{{"a", Tensor({1., 2.})}};

int code_of_load(const std::string& path) {
  try {
    static_cast<void>(io::load(path));
  } catch (const IoError& error) {
    CHECK(error.path() == path);
    return error.code();
  }
  return 0;
}

int code_of_save(const std::string& path) {
  try {
    io::save_safetensors(path, small);
  } catch (const IoError& error) {
    CHECK(error.path() == path);
    return error.code();
  }
  return 0;
}

std::size_t files_in(const TemporaryDirectory& directory) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(directory.path("")), fs::directory_iterator()));
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

}  // namespace

TEST_CASE("load: what is no file of tensors is named") {
  const TemporaryDirectory directory;
  CHECK(code_of_load(directory.path("none.safetensors")) == ENOENT);
  CHECK(code_of_load(directory.path("")) == EISDIR);
  CHECK(code_of_load("") == ENOENT);
  CHECK(code_of_load(directory.path(std::string("a\0b", 3))) == EINVAL);
  CHECK(code_of_load("/dev/zero") == EINVAL);
  REQUIRE(::mkfifo(directory.path("pipe").c_str(), 0600) == 0);
  CHECK(code_of_load(directory.path("pipe")) == EINVAL);

  const auto rejected = [&](const std::string& text) {
    const std::string path = directory.write("file", {text.begin(), text.end()});
    return message_of<FormatError>([&] { static_cast<void>(io::load(path)); });
  };
  CHECK(contains(rejected(""), {"io::load", "file: the file is empty (at byte 0)"}));
  CHECK(contains(rejected("hello"), "is no safetensors, npy, npz or PyTorch file"));
  CHECK(contains(rejected("\x89HDF\r\n"), "HDF5"));
  CHECK(contains(rejected("\x1f\x8b\x08"), "gzipped"));
  CHECK(contains(rejected("\x80\x02\x8a\n"), "before PyTorch 1.6"));
  CHECK(contains(message_of<IoError>([] { static_cast<void>(io::load("/none")); }),
                 {"file_test.cpp:", "io::load: cannot read: /none"}));
}

TEST_CASE("load_safetensors and the others reject files of other formats") {
  const TemporaryDirectory directory;
  const std::string path = directory.path("a.safetensors");
  io::save(path, small);
  CHECK(bitwise_equal(io::load_safetensors(path).at("a"), small.at("a")));
  CHECK(contains(message_of<FormatError>([&] { static_cast<void>(io::load_npy(path)); }),
                 "of the format safetensors, not npy"));
  CHECK_THROWS_AS(io::load_npz(path), FormatError);
  CHECK_THROWS_AS(io::load_pytorch(path), FormatError);
}

TEST_CASE("save: the extension tells the format") {
  const TemporaryDirectory directory;
  for (const char* name : {"a", "a.bin", "a.safetensors/b", ".tar.gz"})
    CHECK(contains(message_of<ValueError>([&] { io::save(directory.path(name), small); }),
                   "expects a path that ends in .safetensors"));
  CHECK(contains(message_of<ValueError>([&] {
                   io::save(directory.path("a.npz"), small, {{"k", "v"}});
                 }),
                 "keeps no metadata"));
  CHECK(contains(message_of<ValueError>([&] { io::save(directory.path("a.npy"), {}); }),
                 "holds one tensor, the dictionary has 0"));
  StateDict ours = small;
  ours.set_layout(StateDict::Layout::xgrad);
  CHECK(contains(message_of<ValueError>([&] { io::save(directory.path("a.pt"), ours); }),
                 "nn::to_torch(model)"));
  // Whose order of axes it has would be forgotten.
  const StateDict unknown{{"w", zeros({1, 1, 1})}};
  CHECK(contains(message_of<ValueError>([&] { io::save(directory.path("a.pt"), unknown); }),
                 {"'w' has 3 axes", "nn::to_torch(model)", "set_layout"}));
  CHECK_THROWS_AS(io::save_npy(directory.path("a.npy"), Tensor()), ValueError);
  CHECK(files_in(directory) == 0);
}

TEST_CASE("save: what is there stays unless the new file is whole; modes and links are kept") {
  const TemporaryDirectory directory;
  CHECK(code_of_save("") == ENOENT);
  CHECK(code_of_save(directory.path("none/a")) == ENOENT);
  CHECK(code_of_save(directory.path("")) == EISDIR);
  CHECK(code_of_save("/dev/null") == EINVAL);
  CHECK(code_of_save(directory.path(std::string("a\0b", 3))) == EINVAL);
  CHECK(files_in(directory) == 0);

  const std::string path = directory.path("a");
  const mode_t former = ::umask(027);
  io::save_safetensors(path, small);
  CHECK(mode_of(path) == 0640);
  REQUIRE(::chmod(path.c_str(), 0666) == 0);
  io::save_safetensors(path, small);
  CHECK(mode_of(path) == 0666);
  ::umask(former);

  // A link stays one, and its target is replaced, also where that is not there yet.
  fs::create_symlink("a", directory.path("link"));
  fs::create_symlink("link", directory.path("second"));
  io::save_safetensors(directory.path("second"), {{"b", scalar(1)}});
  CHECK(fs::is_symlink(directory.path("link")));
  CHECK(io::load(path).contains("b"));
  fs::create_symlink("new", directory.path("dangling"));
  io::save_safetensors(directory.path("dangling"), small);
  CHECK(fs::is_regular_file(directory.path("new")));
  CHECK(fs::is_symlink(directory.path("dangling")));
  fs::create_symlink("loop", directory.path("loop"));
  CHECK(code_of_save(directory.path("loop")) == ELOOP);
  // Whose name leaves no room for more.
  io::save_safetensors(directory.path(std::string(255, 'n')), small);
  CHECK(files_in(directory) == 7);

  if (::geteuid() != 0) {
    REQUIRE(::chmod(path.c_str(), 0444) == 0);
    CHECK(code_of_save(path) == EACCES);
    CHECK(io::load(path).contains("b"));
  }
}

TEST_CASE("save: the owner is kept, and no rights of another one are lent") {
  if (::geteuid() != 0) return;
  const TemporaryDirectory directory;
  const std::string path = directory.write("a", {});
  REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
  REQUIRE(::chmod(path.c_str(), 04750) == 0);
  io::save_safetensors(path, small);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK(status.st_uid == 65534);
  CHECK(status.st_gid == 65534);
  CHECK(mode_of(path) == 04750);
}

TEST_CASE("format_of_name") {
  CHECK(io::format_of_name("a/b.pth") == io::Format::pytorch);
  CHECK(io::format_of_name("x.npz") == io::Format::npz);
  CHECK(contains(message_of<ValueError>([] { static_cast<void>(io::format_of_name("x")); }),
                 {"file_test.cpp:", "got 'x'"}));
}

TEST_CASE("save: a relative path, in the directory where the process is") {
  const TemporaryDirectory directory;
  const fs::path former = fs::current_path();
  fs::current_path(directory.path(""));
  io::save("here.safetensors", small);
  const bool there = fs::exists("here.safetensors");
  fs::current_path(former);
  CHECK(there);
  CHECK(files_in(directory) == 1);
}

TEST_CASE("File: one that is written to in its place is not read as a mixture") {
  const TemporaryDirectory directory;
  const std::string path = directory.path("a.safetensors");
  io::save(path, small);
  const io::File file(path);
  CHECK(file.read().size() == 1);
  fs::last_write_time(path, fs::last_write_time(path) + std::chrono::seconds(1));
  CHECK(contains(message_of<FormatError>([&] { static_cast<void>(file.read()); }),
                 "was written to while it was read"));
  CHECK_THROWS_AS(file.read("a"), FormatError);
}

TEST_CASE("File: read as it was when it was opened, though it is replaced") {
  const TemporaryDirectory directory;
  const std::string path = directory.path("a.safetensors");
  io::save(path, small);
  const io::File file(path);
  io::save(path, {{"b", scalar(1)}});
  CHECK(bitwise_equal(file.read().at("a"), small.at("a")));
  io::File moved = file;
  const io::File taken = std::move(moved);
  CHECK(taken.contains("a"));
  CHECK_THROWS_AS(moved.read(), GraphError);
  CHECK_THROWS_AS(moved.entries(), GraphError);
}
