// Transforms of images: against PyTorch, what is random, and bad input.
#include <xgrad/data/combine.hpp>
#include <xgrad/data/loader.hpp>
#include <xgrad/data/transforms.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>

#include <goldens/transforms.hpp>
#include <support/messages.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace xgrad;
using data::Interpolation, data::Transform;
using test::contains, test::message_of;

Tensor golden(const std::string& name, Index height, Index width) {
  return Tensor::from(goldens::transforms.at(name)).reshape({height, width, 3});
}
bool close(const Tensor& a, const Tensor& b, double tolerance) {
  return static_cast<bool>(allclose(a, b, {.rtol = 0, .atol = tolerance}));
}
Tensor bytes(std::initializer_list<Nested> pixels) { return Tensor(pixels, uint8); }

// As many images of the transform as asked for, from seed 1.
std::vector<Tensor> drawn(const Transform& transform, const Tensor& image, int count) {
  manual_seed(1);
  std::vector<Tensor> images;
  for (int i = 0; i < count; ++i) images.push_back(transform(image));
  return images;
}
// How many times f is true of an image.
int count_if(const std::vector<Tensor>& images, const std::function<bool(const Tensor&)>& f) {
  int count = 0;
  for (const Tensor& image : images) count += f(image) ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("resize_image: what PyTorch gives") {
  const Tensor image = golden("image", 7, 10);
  const Tensor rounded = golden("image/rounded", 7, 10);
  constexpr Index sizes[][2] = {{14, 20}, {9, 13}, {3, 4}, {2, 10}, {1, 1}, {7, 23}, {16, 5}};
  for (const auto& size : sizes) {
    const Index h = size[0], w = size[1];
    const std::string name = std::to_string(h) + "x" + std::to_string(w);
    CAPTURE(name);
    CHECK(close(data::resize_image(image, h, w), golden("bilinear/" + name, h, w), 1e-9));
    CHECK(
        close(data::resize_image(image, h, w, {.antialias = true}), golden("antialias/" + name, h, w), 1e-9));
    const Tensor area = data::resize_image(image, h, w, {.interpolation = Interpolation::area});
    CHECK(close(area, golden("area/" + name, h, w), 1e-9));
    CHECK(close(data::resize_image(image.to(float32), h, w).to(float64), golden("bilinear/" + name, h, w),
                1e-4));
    // Bytes are rounded once, to the nearest.
    const Tensor small = data::resize_image(rounded.to(uint8), h, w, {.interpolation = Interpolation::area});
    CHECK(small.dtype() == uint8);
    CHECK(close(small.to(float64), golden("area/rounded/" + name, h, w), 0.5 + 1e-9));
  }
  CHECK(bitwise_equal(data::resize(7, 10)(image), image));
  // A grey image without an axis of channels.
  const Tensor grey = bytes({{0, 10}, {20, 30}});
  CHECK(bitwise_equal(data::resize_image(grey, 1, 1), bytes({{15}})));
  CHECK(bitwise_equal(data::resize_image(bytes({{0, 1}}), 1, 1), bytes({{1}})));  // a half goes up
  CHECK(bitwise_equal(data::resize(4, 2)(grey), bytes({{0, 10}, {5, 15}, {15, 25}, {20, 30}})));
}

TEST_CASE("rotate_image: what PyTorch gives, and fill") {
  const Tensor image = golden("image", 7, 10);
  for (const int degrees : {10, -30, 90, 200}) {
    CAPTURE(degrees);
    const Tensor turned = data::rotate_image(image, degrees);
    CHECK(close(turned, golden("rotate/" + std::to_string(degrees), 7, 10), 1e-6));
    // A fill of 40 is a fill of 0 under an image that is 40 less.
    Tensor less = image;
    for (double& value : less.mutable_span<double>()) value -= 40;
    less = data::rotate_image(less, degrees);
    for (double& value : less.mutable_span<double>()) value += 40;
    CHECK(close(data::rotate_image(image, degrees, 40), less, 1e-9));
  }
  CHECK(bitwise_equal(data::rotate_image(image, 0), image));
  // Against the clock.
  const Tensor quarter = data::rotate_image(bytes({{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}), 90);
  CHECK(bitwise_equal(quarter, bytes({{3, 6, 9}, {2, 5, 8}, {1, 4, 7}})));
  const Tensor half = data::rotate_image(bytes({{1, 2, 3}, {4, 5, 6}}), 180);
  CHECK(bitwise_equal(half, bytes({{6, 5, 4}, {3, 2, 1}})));
  const Tensor spot = bytes({{0, 0, 0}, {0, 200, 0}, {0, 0, 0}});
  const auto turned = drawn(data::random_rotation(20), spot, 5);
  for (const Tensor& one : turned) CHECK(one.at({1, 1}) == 200);
  std::set<double> corners;
  for (const Tensor& one : drawn(data::random_rotation(20), full({3, 3}, 100.0), 50))
    corners.insert(one.at({0, 0}));
  CHECK(corners.size() > 40);
  for (const Tensor& one : drawn(data::random_rotation(0), image, 3)) CHECK(bitwise_equal(one, image));
}

TEST_CASE("flips: mirrored with probability p") {
  const Tensor image = bytes({{{1, 2}, {3, 4}, {5, 6}}, {{7, 8}, {9, 10}, {11, 12}}});
  const Tensor across = bytes({{{5, 6}, {3, 4}, {1, 2}}, {{11, 12}, {9, 10}, {7, 8}}});
  const Tensor down = bytes({{{7, 8}, {9, 10}, {11, 12}}, {{1, 2}, {3, 4}, {5, 6}}});
  CHECK(bitwise_equal(data::horizontal_flip(1)(image), across));
  CHECK(bitwise_equal(data::vertical_flip(1)(image), down));
  CHECK(bitwise_equal(data::horizontal_flip(0)(image), image));
  CHECK(bitwise_equal(data::vertical_flip(0)(image), image));
  CHECK(bitwise_equal(data::horizontal_flip(1)(Tensor{{1.0, 2.0}}), Tensor{{2.0, 1.0}}));
  const auto mirrored = [&](const Tensor& one) { return bitwise_equal(one, across); };
  const int count = count_if(drawn(data::horizontal_flip(0.3), image, 1000), mirrored);
  CHECK(count > 230);
  CHECK(count < 370);
}

TEST_CASE("random_crop: every place alike, with padding") {
  const Tensor image = bytes({{1, 2, 3}, {4, 5, 6}});
  std::set<std::vector<double>> seen;
  for (const Tensor& one : drawn(data::random_crop(2, 2, {.padding = 1, .fill = 9}), image, 400)) {
    REQUIRE(one.shape() == Shape{2, 2});
    seen.insert({one.at({0, 0}), one.at({0, 1}), one.at({1, 0}), one.at({1, 1})});
  }
  std::set<std::vector<double>> expected;
  const double padded[4][5] = {{9, 9, 9, 9, 9}, {9, 1, 2, 3, 9}, {9, 4, 5, 6, 9}, {9, 9, 9, 9, 9}};
  for (int top = 0; top < 3; ++top)
    for (int left = 0; left < 4; ++left)
      expected.insert(
          {padded[top][left], padded[top][left + 1], padded[top + 1][left], padded[top + 1][left + 1]});
  CHECK(seen == expected);
  CHECK(bitwise_equal(data::random_crop(2, 3)(image), image));
  CHECK(contains(
      message_of<ShapeError>([&] { static_cast<void>(data::random_crop(5, 2, {.padding = 1})(image)); }),
      "a piece of (5, 2) does not fit uint8 (2, 3) with 1 of padding"));
}

TEST_CASE("random_erase: one rectangle within the limits") {
  const Tensor image = full({30, 20, 2}, 7.0);
  int erased = 0;
  std::set<Index> areas;
  for (const Tensor& one : drawn(data::random_erase({.p = 0.8, .fill = -1}), image, 500)) {
    Index top = 30, left = 20, bottom = -1, right = -1, pixels = 0;
    for (Index y = 0; y < 30; ++y)
      for (Index x = 0; x < 20; ++x) {
        CHECK((one.at({y, x, 0}) == -1) == (one.at({y, x, 1}) == -1));
        if (one.at({y, x, 0}) == 7) continue;
        ++pixels;
        top = std::min(top, y), left = std::min(left, x), bottom = std::max(bottom, y),
        right = std::max(right, x);
      }
    if (pixels == 0) continue;
    ++erased;
    areas.insert(pixels);
    const Index height = bottom - top + 1, width = right - left + 1;
    CHECK(pixels == height * width);
    CHECK(pixels <= 0.4 * 600);
    // Sides are rounded down.
    CHECK((height + 1) * (width + 1) >= 0.02 * 600);
    CHECK(static_cast<double>(height) / static_cast<double>(width + 1) <= 1 / 0.3);
    CHECK(static_cast<double>(height + 1) / static_cast<double>(width) >= 0.3);
  }
  CHECK(erased > 350);
  CHECK(erased < 450);
  CHECK(areas.size() > 30);
  CHECK(bitwise_equal(image, full({30, 20, 2}, 7.0)));
  std::set<double> values;
  for (const Tensor& one : drawn(data::random_erase({.p = 1, .noise = true}), full({20, 20}, 0, uint8), 30))
    for (const auto pixel : one.span<std::uint8_t>()) values.insert(pixel);
  CHECK(values.size() == 256);
  CHECK(bitwise_equal(data::random_erase({.p = 1})(zeros({0, 3})), zeros({0, 3})));
  CHECK(bitwise_equal(data::random_erase({.p = 1})(ones({1, 1})), ones({1, 1})));  // none fits
}

TEST_CASE("normalize_channels, grayscale and compose") {
  const Tensor image = bytes({{{255, 0, 51}, {0, 255, 102}}});
  const Transform normal = data::normalize_channels({0.5, 0, 0.2}, {0.5, 2, 0.1});
  CHECK(close(normal(image), Tensor{{{1.0, 0.0, 0.0}, {-1.0, 0.5, 2.0}}}, 1e-6));
  CHECK(normal(image).dtype() == float32);
  CHECK(normal(image.to(float64)).dtype() == float64);
  CHECK(normal(image.to(float64)).at({0, 0, 0}) == 509);
  CHECK(bitwise_equal(data::normalize_channels({1}, {2})(Tensor{{3.0}}), Tensor{{1.0}}));

  const Tensor grey = data::grayscale()(bytes({{{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}}}));
  CHECK(bitwise_equal(grey, bytes({{{76}, {150}, {29}, {255}}})));
  CHECK(close(data::grayscale()(Tensor{{{1.0, 2.0, 3.0}}}), Tensor{{{0.299 + 2 * 0.587 + 3 * 0.114}}}, 1e-6));

  CHECK(bitwise_equal(data::compose({})(image), image));
  const Transform both = data::compose({data::vertical_flip(1), data::grayscale(), data::horizontal_flip(1)});
  CHECK(both(image).shape() == Shape{1, 2, 1});
  CHECK(bitwise_equal(both(image), bytes({{{161}, {82}}})));
}

TEST_CASE("transforms: in a DataLoader an example does not depend on batch size and threads") {
  const data::TensorDataset digits(uniform({17, 6, 5, 1}), arange(17));
  const data::Map augmented(
      digits, data::on_image(data::compose({data::horizontal_flip(), data::random_rotation(30),
                                            data::random_crop(5, 5, {.padding = 2}), data::random_erase()})));
  const auto all = [&](const data::LoaderOptions& options) {
    std::vector<Tensor> images(17);
    data::DataLoader loader(augmented, options);
    for (const auto& [image, label] : loader)
      for (Index i = 0; i < label.count(); ++i)
        images[static_cast<std::size_t>(label.data<Index>()[i])] = image.rows(i, i + 1);
    return data::collate(images);
  };
  const Tensor expected = all({.seed = 5});
  CHECK(expected.shape() == Shape{17, 1, 5, 5, 1});
  CHECK_FALSE(bitwise_equal(all({.seed = 6}), expected));
  for (const Index size : {1, 4, 17})
    for (const Index workers : {0, 1, 3})
      CHECK(
          bitwise_equal(all({.batch_size = size, .shuffle = true, .seed = 5, .workers = workers}), expected));
}

TEST_CASE("transforms: bad input") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor image = zeros({4, 4, 3});
  const std::vector<std::pair<std::function<void()>, const char*>> rows{
      {[] { (void)data::horizontal_flip(1.5); }, "horizontal_flip: p must be from 0 to 1, got 1.500000"},
      {[] { (void)data::vertical_flip(-1); }, "vertical_flip: p must be from 0 to 1"},
      {[] { (void)data::horizontal_flip(nan); }, "p must be from 0 to 1, got nan"},
      {[] { (void)data::random_crop(0, 2); }, "height and width must be at least 1, got 0 and 2"},
      {[] { (void)data::random_crop(1, 2, {.padding = -1}); }, "padding must be at least 0, got -1"},
      {[] { (void)data::random_crop(1, 2, {.fill = nan}); }, "fill must be finite, got nan"},
      {[] { (void)data::resize(1, -2); }, "resize: height and width must be at least 1, got 1 and -2"},
      {[] { (void)data::resize(1, 2, {.interpolation = Interpolation::area, .antialias = true}); },
       "antialias is for bilinear interpolation"},
      {[&] { (void)data::resize_image(image, 0, 1); }, "resize_image: height and width"},
      {[] {
         (void)data::resize_image(zeros({0, 4}), 2, 2);
       },
       "expects an image with pixels"},
      {[&] { (void)data::rotate_image(image, nan); }, "expects a finite angle and fill, got nan"},
      {[] { (void)data::random_rotation(-1); }, "degrees must be finite and at least 0, got -1"},
      {[] { (void)data::random_erase({.p = 2}); }, "p must be from 0 to 1"},
      {[] { (void)data::random_erase({.least_area = 0.5}); }, "expects 0 < least_area <= most_area < 1"},
      {[] { (void)data::random_erase({.most_area = 1}); }, "expects 0 < least_area <= most_area < 1"},
      {[] { (void)data::random_erase({.aspect = 0}); }, "aspect must be above 0 and at most 1"},
      {[] {
         (void)data::normalize_channels({1, 2}, {1});
       },
       "got 2 and 1"},
      {[] { (void)data::normalize_channels({}, {}); }, "at least one"},
      {[] {
         (void)data::normalize_channels({0, 0}, {1, 0});
       },
       "for channel 1"},
      {[&] { (void)data::normalize_channels({0}, {1})(image); }, "has 1 means, got float32 (4, 4, 3)"},
      {[] {
         (void)data::grayscale()(zeros({4, 3}));
       },
       "expects an image (H, W, 3), got float32 (4, 3)"},
      {[] {
         (void)data::grayscale()(zeros({4, 3, 4}));
       },
       "expects an image (H, W, 3)"},
      {[] {
         (void)data::compose({Transform()})(zeros({2, 2}));
       },
       ""},
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(i);
    const std::string text = message_of<Error>(rows[i].first);
    CAPTURE(text);
    CHECK(text != "nothing of that type was thrown");
    CHECK(contains(text, std::string(rows[i].second)));
  }
  // What is no image, for each of them.
  for (const Transform& transform :
       {data::horizontal_flip(0), data::vertical_flip(0), data::random_crop(1, 1), data::resize(2, 2),
        data::random_rotation(1), data::random_erase({.p = 0}), data::normalize_channels({0}, {1}),
        data::grayscale()}) {
    CHECK(contains(message_of<ShapeError>([&] {
                     static_cast<void>(transform(zeros({2, 4, 4, 3})));
                   }),
                   "a transform takes one image: use Map"));
    CHECK_THROWS_AS(static_cast<void>(transform(zeros({4}))), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(transform(Tensor{{1, 2}})), DTypeError);
    CHECK_THROWS_AS(static_cast<void>(transform(Tensor())), GraphError);
  }
}

TEST_CASE("transforms: sizes that no memory holds are refused before any is taken") {
  const Tensor image = zeros({4, 4, 1}, uint8);
  constexpr Index largest = std::numeric_limits<Index>::max();
  CHECK_THROWS_AS(static_cast<void>(data::resize(largest, 1)(image)), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(data::random_crop(2, 2, {.padding = largest})), ValueError);
}

TEST_CASE("random_erase: limits far from any rectangle") {
  for (const double aspect : {1e-320, 1e-300, 1e-9, 0.000999, 0.0, -1.0, 1.5, std::nan("")})
    CHECK(contains(message_of<ValueError>([&] { static_cast<void>(data::random_erase({.aspect = aspect})); }),
                   "aspect must be a"));
  const Tensor image = ones({40, 30, 1});
  for (const Tensor& one : drawn(data::random_erase({.p = 1, .aspect = 0.001}), image, 50)) {
    double left = 0;
    for (const float pixel : one.span<float>()) left += pixel;
    CHECK(left <= 1200);
    CHECK(left >= 0.6 * 1200);
  }
  // Areas of no pixel: the image stays.
  for (const Tensor& one :
       drawn(data::random_erase({.p = 1, .least_area = 1e-320, .most_area = 1e-300}), image, 10))
    CHECK(bitwise_equal(one, image));
}
