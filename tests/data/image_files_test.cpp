// PNG and JPEG files: every form of pixels against files made elsewhere, damage, and folders of images.
#include <xgrad/data/image_files.hpp>
#include <xgrad/data/loader.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <support/files.hpp>

#include "goldens/image_files.hpp"
#include "support/messages.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

namespace {

using namespace xgrad;
using goldens::ImageFile;
using test::Bytes, test::contains, test::message_of, test::TemporaryDirectory, test::operator+;
using Mode = data::ImageMode;

static_assert(data::ExampleDataset<data::ImageFolder>);

const ImageFile& golden(const std::string& name) {
  const auto found = std::find_if(goldens::image_files.begin(), goldens::image_files.end(),
                                  [&](const ImageFile& file) { return file.name == name; });
  REQUIRE(found != goldens::image_files.end());
  return *found;
}
bool is_jpeg(const ImageFile& file) { return file.name.substr(0, 4) == "jpeg"; }

// Whether this build reads such files; where it does not, it says which package is missing.
bool is_built(const char* format) {
  const TemporaryDirectory directory;
  const bool jpeg = format[0] == 'J';
  const std::string path = directory.write("x", golden(jpeg ? "jpeg rgb" : "rgb 8").file);
  const std::string message = message_of<NotImplementedError>([&] { data::read_image(path); });
  if (contains(message, "nothing of that type")) return true;
  CHECK(contains(message, jpeg ? "libjpeg62-turbo-dev" : "libpng-dev"));
  MESSAGE("skipped: this build reads no " << std::string(format));
  return false;
}

Tensor pixels_of(const ImageFile& file) {
  return Tensor::from(file.pixels, {file.shape[0], file.shape[1], file.shape[2]});
}

Bytes big_endian(std::uint32_t number) {
  Bytes bytes;
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<unsigned char>(number >> shift));
  return bytes;
}
Bytes chunk(const std::string& kind, const Bytes& content) {
  const Bytes summed = Bytes(kind.begin(), kind.end()) + content;
  const auto sum = static_cast<std::uint32_t>(crc32(0, summed.data(), static_cast<uInt>(summed.size())));
  return big_endian(static_cast<std::uint32_t>(content.size())) + summed + big_endian(sum);
}
// A grey PNG whose pixels are what deflate makes of `packed` zeros.
Bytes png_of(std::uint32_t height, std::uint32_t width, std::size_t zeros) {
  Bytes packed(compressBound(static_cast<uLong>(zeros)));
  uLongf size = static_cast<uLongf>(packed.size());
  const Bytes raw(zeros);
  REQUIRE(compress2(packed.data(), &size, raw.data(), static_cast<uLong>(zeros), 9) == Z_OK);
  packed.resize(size);
  return Bytes{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'} +
         chunk("IHDR", big_endian(width) + big_endian(height) + Bytes{8, 0, 0, 0, 0}) +
         chunk("IDAT", packed) + chunk("IEND", {});
}

}  // namespace

TEST_CASE("read_image: PNG of every kind") {
  if (!is_built("PNG")) return;
  const TemporaryDirectory directory;
  int seen = 0;
  for (const ImageFile& file : goldens::image_files) {
    if (is_jpeg(file)) continue;
    CAPTURE(file.name);
    const Tensor image = data::read_image(directory.write("x.jpg", file.file));
    const Tensor wanted = pixels_of(file);
    REQUIRE(image.shape() == wanted.shape());
    CHECK(bitwise_equal(image, wanted));
    ++seen;
  }
  CHECK(seen > 40);
}

TEST_CASE("read_image: JPEG") {
  if (!is_built("JPEG")) return;
  const TemporaryDirectory directory;
  for (const char* name : {"jpeg rgb", "jpeg rgb, progressive", "jpeg grey"}) {
    CAPTURE(name);
    const Tensor image = data::read_image(directory.write("x.png", golden(name).file));
    const Tensor wanted = pixels_of(golden(name));
    REQUIRE(image.shape() == wanted.shape());
    // Another release of the library may round otherwise.
    CHECK(allclose(image.to(float32), wanted.to(float32), {.rtol = 0, .atol = 2}));
  }
  CHECK(contains(message_of<NotImplementedError>(
                     [&] { data::read_image(directory.write("cmyk.jpg", golden("jpeg cmyk").file)); }),
                 {"image_files_test.cpp", "cmyk.jpg", "CMYK", "convert it to RGB"}));
}

TEST_CASE("read_image: grey and RGB, transparent pixels on a background") {
  if (!is_built("PNG")) return;
  const TemporaryDirectory directory;
  for (const ImageFile& file : goldens::image_files) {
    if (is_jpeg(file)) continue;
    CAPTURE(file.name);
    const std::string path = directory.write("x", file.file);
    const Index channels = file.shape[2];
    for (const int background : {255, 0, 77}) {
      const auto value = static_cast<std::uint8_t>(background);
      const Tensor rgb = data::read_image(path, {.mode = Mode::rgb, .background = value});
      const Tensor grey = data::read_image(path, {.mode = Mode::grey, .background = value});
      REQUIRE(rgb.shape() == Shape{file.shape[0], file.shape[1], 3});
      REQUIRE(grey.shape() == Shape{file.shape[0], file.shape[1], 1});
      for (Index i = 0; i < grey.count(); ++i) {
        const auto* in = &file.pixels[static_cast<std::size_t>(i * channels)];
        const double alpha = channels % 2 == 0 ? in[channels - 1] / 255.0 : 1;
        double of_all = 0;
        for (Index k = 0; k < 3; ++k) {
          const double own = in[channels > 2 ? k : 0];
          const double wanted = std::floor(own * alpha + background * (1 - alpha) + 0.5);
          CHECK(rgb.data<std::uint8_t>()[3 * i + k] == wanted);
          of_all += wanted * (k == 0 ? 0.299 : k == 1 ? 0.587 : 0.114);
        }
        CHECK(grey.data<std::uint8_t>()[i] == std::floor(of_all + 0.5 + 1e-9));
      }
    }
  }
}

TEST_CASE("read_image: bad files") {
  if (!is_built("PNG")) return;
  const TemporaryDirectory directory;
  const auto refusal = [&](const Bytes& bytes, const data::ReadImageOptions& options = {}) {
    const std::string path = directory.write("bad.png", bytes);
    const std::string message = message_of<FormatError>([&] { data::read_image(path, options); });
    CHECK(contains(message, {"image_files_test.cpp", "read_image: ", path.c_str()}));
    return message;
  };
  CHECK(contains(refusal({}), "the file is empty"));
  CHECK(contains(refusal({'G', 'I', 'F', '8'}), "neither a PNG nor a JPEG"));
  CHECK(contains(refusal({0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}), "the file ends early"));
  const Bytes& good = golden("rgb 8").file;
  Bytes damaged = good;
  damaged[damaged.size() - 16] ^= 1;
  CHECK(contains(refusal(damaged), "libpng: IDAT: CRC error"));
  damaged = golden("palette 4 and alpha").file;
  const std::string kind = "tRNS";
  *(std::search(damaged.begin(), damaged.end(), kind.begin(), kind.end()) + 4) ^= 1;
  CHECK(contains(refusal(damaged), "libpng: tRNS: CRC error"));
  // Every beginning of the file.
  for (std::size_t size = 8; size < good.size(); ++size)
    CHECK(
        contains(refusal(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))), "libpng: "));
  // More pixels than the file can hold, than libpng allows, than the caller allows.
  CHECK(
      contains(refusal(png_of(10'000, 10'000, 100)), {"10000 x 10000 pixels", "bytes of the file can hold"}));
  CHECK(
      contains(refusal(png_of(100'000, 100'000, 100)), {"100000 x 100000 pixels", "max_pixels, 268435456"}));
  CHECK(contains(refusal(png_of(0x7fffffff, 0x7fffffff, 100)), "libpng: "));
  CHECK(contains(refusal(png_of(0, 5, 100)), "libpng: "));
  CHECK(contains(refusal(good, {.max_pixels = 29}), {"6 x 5 pixels", "max_pixels, 29"}));
  CHECK_NOTHROW(data::read_image(directory.write("good", good), {.max_pixels = 30}));
  CHECK(data::read_image(directory.write("zeros", png_of(100, 100, 100 * 101))).shape() ==
        Shape{100, 100, 1});
  // A chunk that declares more than any file has, for which no memory may be taken.
  Bytes huge(good.begin(), good.begin() + 33);
  CHECK(contains(refusal(huge + big_endian(0x30000004) + Bytes{'e', 'X', 'I', 'f', 1, 2, 3}),
                 "the file ends early"));
  // Fewer pixels than declared.
  CHECK(contains(refusal(png_of(100, 100, 100 * 100)), "libpng: "));
  CHECK_THROWS_AS(data::read_image(directory.path("none.png")), IoError);
  CHECK_THROWS_AS(data::read_image(directory.path("good"), {.max_pixels = 0}), ValueError);
}

TEST_CASE("read_image: bad JPEG files") {
  if (!is_built("JPEG")) return;
  const TemporaryDirectory directory;
  const auto refusal = [&](const Bytes& bytes) {
    return message_of<FormatError>([&] { data::read_image(directory.write("bad.jpg", bytes)); });
  };
  for (const char* name : {"jpeg rgb", "jpeg rgb, progressive", "jpeg grey"}) {
    const Bytes& good = golden(name).file;
    for (std::size_t size = 3; size + 2 < good.size(); ++size) {
      const std::string message =
          refusal(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
      CHECK_MESSAGE(contains(message, {"bad.jpg", "libjpeg: "}), size << ": " << message);
    }
  }
  // The frame's header with the largest sizes.
  Bytes large = golden("jpeg rgb").file;
  const Bytes frame = {0xff, 0xc0};
  const auto at = std::search(large.begin(), large.end(), frame.begin(), frame.end()) + 5;
  std::fill(at, at + 4, static_cast<unsigned char>(0x80));
  CHECK(contains(refusal(large), {"32896 x 32896 pixels", "max_pixels"}));
  at[0] = at[2] = 0x20;
  CHECK(contains(refusal(large), {"8320 x 8320 pixels", "bytes of the file can hold"}));
  // Bytes behind the image are none of its business.
  CHECK_NOTHROW(data::read_image(directory.write("tail.jpg", golden("jpeg rgb").file + Bytes{1, 2, 3})));
}

TEST_CASE("read_image: damaged files throw the library's errors or give an image") {
  const TemporaryDirectory directory;
  std::mt19937 random(3);
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    const ImageFile& file = goldens::image_files[random() % goldens::image_files.size()];
    Bytes bytes = file.file;
    for (auto changes = 1 + random() % 4; changes > 0; --changes)
      bytes[random() % bytes.size()] = static_cast<unsigned char>(random());
    if (random() % 8 == 0) bytes.resize(random() % bytes.size());
    // Check sums that are right let more damage through.
    if (!is_jpeg(file))
      for (std::size_t i = 8; i + 12 <= bytes.size();) {
        const std::size_t size = std::size_t{bytes[i + 2]} << 8 | bytes[i + 3];
        if (bytes[i] != 0 || bytes[i + 1] != 0 || i + 12 + size > bytes.size()) break;
        const Bytes sum = big_endian(
            static_cast<std::uint32_t>(crc32(0, bytes.data() + i + 4, static_cast<uInt>(size + 4))));
        std::copy(sum.begin(), sum.end(), bytes.begin() + static_cast<std::ptrdiff_t>(i + 8 + size));
        i += 12 + size;
      }
    try {
      const Tensor image = data::read_image(directory.write("damaged", bytes), {.mode = Mode::rgb});
      REQUIRE(image.rank() == 3);
    } catch (const FormatError&) {
      ++refused;
    } catch (const NotImplementedError&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("write_png: what is written is read back") {
  if (!is_built("PNG")) return;
  const TemporaryDirectory directory;
  const std::string path = directory.path("x.png");
  for (const Index channels : {1, 2, 3, 4}) {
    const Tensor image = arange(7 * 5 * channels).reshape({7, 5, channels}).to(uint8);
    data::write_png(path, image);
    CHECK(bitwise_equal(data::read_image(path), image));
  }
  const Tensor grey = arange(256).reshape({16, 16}).to(uint8);
  data::write_png(path, grey);
  CHECK(bitwise_equal(data::read_image(path), grey.reshape({16, 16, 1})));
  data::write_png(path, Tensor({{0.0, 0.5, 1.0}, {0.001, 0.002, 0.9999}}, float64));
  CHECK(bitwise_equal(data::read_image(path), Tensor({0, 128, 255, 0, 1, 255}, uint8).reshape({2, 3, 1})));
  data::write_png(path, Tensor{{0.25, 0.75}});
  CHECK(bitwise_equal(data::read_image(path), Tensor({64, 191}, uint8).reshape({1, 2, 1})));
}

TEST_CASE("write_png: what cannot be written changes nothing") {
  if (!is_built("PNG")) return;
  const TemporaryDirectory directory;
  const std::string path = directory.write("x.png", {1, 2, 3});
  CHECK(contains(message_of<ShapeError>([&] {
                   data::write_png(path, zeros({2, 2, 5}, uint8));
                 }),
                 {"image_files_test.cpp", "write_png", "uint8 (2, 2, 5)"}));
  CHECK_THROWS_AS(data::write_png(path, zeros({4}, uint8)), ShapeError);
  CHECK_THROWS_AS(data::write_png(path, zeros({0, 4}, uint8)), ShapeError);
  CHECK_THROWS_AS(data::write_png(path, zeros({2, 2, 0}, uint8)), ShapeError);
  CHECK_THROWS_AS(data::write_png(path, zeros({2, 2}, int64)), DTypeError);
  CHECK_THROWS_AS(data::write_png(path, Tensor()), GraphError);
  for (const double value : {-0.01, 1.01, std::nan("")})
    CHECK(contains(message_of<ValueError>([&] {
                     data::write_png(path, full({2, 2}, value));
                   }),
                   "expects numbers from 0 to 1"));
  CHECK_THROWS_AS(data::write_png(directory.path("no/x.png"), zeros({2, 2})), IoError);
  CHECK(std::filesystem::file_size(path) == 3);
}

TEST_CASE("ImageFolder: classes, labels and batches") {
  if (!is_built("PNG") || !is_built("JPEG")) return;
  const TemporaryDirectory directory;
  for (const char* name : {"dog", "cat", ".hidden", "Ant"})
    std::filesystem::create_directory(directory.path(name));
  const Bytes& image = golden("rgb 8").file;
  directory.write("dog/2.PNG", image);
  directory.write("dog/10.png", image);
  directory.write("dog/.3.png", image);
  directory.write("dog/notes.txt", {'x'});
  directory.write("cat/a.jpg", image);
  directory.write("Ant/a.jpeg", golden("grey 8").file);
  directory.write("readme.md", {'x'});
  const data::ImageFolder folder(directory.path(""));
  CHECK(folder.size() == 4);
  CHECK(folder.classes() == std::vector<std::string>{"Ant", "cat", "dog"});
  CHECK(bitwise_equal(folder.labels(), Tensor{0, 1, 2, 2}));
  CHECK(folder.paths()[2] == directory.path("dog/10.png"));
  CHECK(bitwise_equal(folder.get(1)[0], pixels_of(golden("rgb 8"))));
  CHECK(folder.get(0)[0].shape() == Shape{6, 5, 3});
  CHECK(folder.get(3)[1].item<Index>() == 2);
  data::DataLoader loader(folder, {.batch_size = 3, .prefetch = 1});
  Index seen = 0;
  for (auto& [images, labels] : loader) {
    CHECK(images.shape() == Shape{seen == 0 ? 3 : 1, 6, 5, 3});
    seen += labels.count();
  }
  CHECK(seen == 4);
  CHECK(data::ImageFolder(directory.path(""), {.read = {.mode = Mode::grey}}).get(2)[0].shape() ==
        Shape{6, 5, 1});
  CHECK_THROWS_AS(folder.get(4), IndexError);
  CHECK_THROWS_AS(folder.get(-1), IndexError);
}

TEST_CASE("ImageFolder: bad folders") {
  const TemporaryDirectory directory;
  CHECK(contains(message_of<IoError>([&] { data::ImageFolder(directory.path("none")); }),
                 {"image_files_test.cpp", "ImageFolder", "none"}));
  CHECK(contains(message_of<ValueError>([&] { data::ImageFolder(directory.path("")); }), "no directories"));
  std::filesystem::create_directory(directory.path("cat"));
  std::filesystem::create_directory(directory.path("dog"));
  directory.write("cat/1.png", golden("rgb 8").file);
  directory.write("dog/notes.txt", {'x'});
  CHECK(contains(message_of<ValueError>([&] { data::ImageFolder(directory.path("")); }),
                 {"the class \"dog\" is empty", "/dog has no file"}));
  if (!is_built("PNG")) return;
  directory.write("dog/1.png", golden("rgb and alpha 8").file);
  directory.write("dog/2.png", {'x'});
  const data::ImageFolder folder(directory.path(""));
  // Also where the first image was not asked for.
  CHECK(contains(message_of<ShapeError>([&] { folder.get(1); }),
                 {"(6, 5, 3) of ", "cat/1.png", "(9, 5, 3) of ", "dog/1.png"}));
  CHECK(contains(message_of<FormatError>([&] { folder.get(2); }), "dog/2.png: neither a PNG nor a JPEG"));
  const data::ImageFolder any(directory.path(""), {.equal_sizes = false});
  CHECK(any.get(1)[0].shape() == Shape{9, 5, 3});
  // One that cannot be read among good ones: its batch says which.
  data::DataLoader loader(any, {.batch_size = 1});
  std::string message;
  int good = 0;
  auto at = loader.begin();
  try {
    for (; at != loader.end(); ++at) ++good;
  } catch (const FormatError& error) {
    message = error.what();
  }
  CHECK(good == 2);
  CHECK(contains(message, "dog/2.png"));
}

TEST_CASE("ImageFolder: a first file that cannot be read is one among others") {
  if (!is_built("PNG")) return;
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path("cat"));
  std::filesystem::create_directory(directory.path("dog"));
  const Bytes bad = {'x'};
  directory.write("cat/1.png", bad);
  directory.write("cat/2.png", bad);
  directory.write("dog/3.png", golden("rgb 8").file);
  directory.write("dog/4.png", golden("rgb 8").file);
  directory.write("dog/5.png", golden("rgb and alpha 8").file);
  // Whichever is asked for first.
  for (const Index first : {0, 3, 4}) {
    CAPTURE(first);
    const data::ImageFolder folder(directory.path(""));
    try {
      folder.get(first);
    } catch (const Error&) {
    }
    for (const Index i : {0, 1})
      CHECK(contains(message_of<FormatError>([&] { folder.get(i); }),
                     folder.paths()[static_cast<std::size_t>(i)] + ": neither a PNG nor a JPEG"));
    CHECK(bitwise_equal(folder.get(2)[0], pixels_of(golden("rgb 8"))));
    CHECK(bitwise_equal(folder.get(3)[0], pixels_of(golden("rgb 8"))));
    CHECK(contains(message_of<ShapeError>([&] { folder.get(4); }),
                   {"(6, 5, 3) of ", "dog/3.png", "(9, 5, 3) of ", "dog/5.png"}));
  }
}

TEST_CASE("read_image: a JPEG that is cut short is an error, bytes that mean nothing are not") {
  if (!is_built("JPEG")) return;
  const TemporaryDirectory directory;
  const ImageFile& file = golden("jpeg rgb");
  const Bytes& whole = file.file;
  for (std::size_t size = 3; size < whole.size(); ++size) {
    const std::string path =
        directory.write("cut.jpg", Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    CHECK(contains(message_of<FormatError>([&] { data::read_image(path); }), "cut.jpg: libjpeg: "));
  }
  // Before a marker, before the end of the image, behind it.
  const auto end = static_cast<std::ptrdiff_t>(whole.size() - 2);
  REQUIRE(whole[whole.size() - 2] == 0xff);
  const Bytes extra = {0x00, 0x11, 0x22}, head(whole.begin(), whole.begin() + 2);
  const Bytes rest(whole.begin() + 2, whole.end()), body(whole.begin(), whole.begin() + end),
      eoi = {0xff, 0xd9};
  // The revision 2.01 of JFIF.
  Bytes revised = whole;
  const auto jfif = std::search(revised.begin(), revised.end(), std::begin("JFIF"), std::end("JFIF"));
  REQUIRE(jfif != revised.end());
  jfif[5] = 2;
  // What libraries print goes to the descriptor.
  const std::string printed = directory.path("printed");
  std::fflush(stderr);
  const int kept = dup(2), caught = open(printed.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  REQUIRE(kept >= 0);
  REQUIRE(caught >= 0);
  dup2(caught, 2);
  std::vector<std::string> failed;
  std::vector<Tensor> images;
  for (const Bytes& bytes : {body + extra + eoi, whole + extra, head + Bytes{0xff} + rest, revised}) {
    try {
      images.push_back(data::read_image(directory.write("extra.jpg", bytes)));
    } catch (const Error& error) {
      failed.push_back(error.what());
    }
  }
  std::fflush(stderr);
  dup2(kept, 2);
  close(kept);
  close(caught);
  CHECK(failed == std::vector<std::string>{});
  REQUIRE(images.size() == 4);
  const Tensor plain = data::read_image(directory.write("plain.jpg", whole));
  for (const Tensor& image : images) CHECK(bitwise_equal(image, plain));
  CHECK(std::filesystem::file_size(printed) == 0);
}
