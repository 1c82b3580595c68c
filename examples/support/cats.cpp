#include "cats.hpp"

#include <xgrad/data/hdf5.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace example {

using namespace xgrad;

namespace {

Tensor each_changed(const Tensor& images, const data::Transform& change) {
  std::vector<Tensor> changed;
  for (Index i = 0; i < images.size(0); ++i)
    changed.push_back(change(images.rows(i, i + 1).reshape({images.size(1), images.size(2), -1})));
  return data::collate(changed);
}

Tensor from_bytes(const Tensor& pixels) { return (cast(Variable(pixels), float32) / 255).value(); }

Pictures read_photographs(const std::string& directory, const std::string& part) {
  const std::string path = directory + "/" + part + "_catvnoncat.h5";
  const Tensor labels = data::read_hdf5(path, part + "_set_y");
  return {from_bytes(data::read_hdf5(path, part + "_set_x")),
          cast(Variable(labels), float32).value().reshape({-1, 1})};
}

// Drawings fill their squares: with a margin of 6 pixels they are 64 x 64, and can be shifted and turned
// whole.
Tensor read_kind(const std::string& path, Index count) {
  const Tensor all = data::read_drawings(path);
  return each_changed(from_bytes(data::gather_rows(all, permutation(all.size(0)).rows(0, count))),
                      data::compose({data::resize(52, 52), data::random_crop(64, 64, {.padding = 6})}));
}

// Drawings of every kind but cats, in random order.
Tensor read_others(const std::string& directory, const CatsOptions& options) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.path().filename() != "cat.ndjson.gz") paths.push_back(entry.path().string());
  std::ranges::sort(paths);
  const Index kinds = std::min<Index>(std::ssize(paths), options.kinds);
  if (kinds * options.each < 100 + options.more_test)
    fail<ValueError>("there are too few drawings of other things in " + directory,
                     "it wants KIND.ndjson.gz of " + std::to_string(options.kinds) + " kinds");
  const Tensor order = permutation(std::ssize(paths));
  std::vector<Variable> images;
  for (Index kind = 0; kind < kinds; ++kind) {
    images.push_back(read_kind(paths[static_cast<std::size_t>(order.data<Index>()[kind])], options.each));
  }
  return data::gather_rows(concat(images).value(), permutation(kinds * options.each));
}

Pictures labelled(const Tensor& images, float cat) { return {images, full({images.size(0), 1}, cat)}; }

}  // namespace

Pictures Pictures::chosen(const Tensor& rows) const {
  return {data::gather_rows(images, rows), data::gather_rows(labels, rows)};
}

Pictures operator+(const Pictures& a, const Pictures& b) {
  return {concat(std::vector{a.images, b.images}).value(), concat(std::vector{a.labels, b.labels}).value()};
}

data::Sampler Pictures::balanced(Index samples) const {
  const Variable cat = Variable(labels).reshape({-1});
  const double share = mean(cat).item();
  return data::Sampler::weighted((cat / share + (1 - cat) / (1 - share)).value(), {.samples = samples});
}

Pictures Pictures::grey() const {
  return {images.size(3) == 1 ? images : each_changed(images, data::grayscale()), labels};
}

Cats read_cats(const std::string& directory, const CatsOptions& options) {
  Cats result;
  if (std::filesystem::exists(directory + "/train_catvnoncat.h5")) {
    result.photographs = true;
    result.training.assign(5, read_photographs(directory, "train"));
    result.test.assign(5, read_photographs(directory, "test"));
    const double share = mean(Variable(result.test[0].labels)).item();
    result.same_answer = std::max(share, 1 - share);
    return result;
  }
  // Part by part: a hundred in the folds, those to test with, the rest.
  const Pictures cats = labelled(read_kind(directory + "/cat.ndjson.gz", 100), 1);
  const Tensor others = read_others(directory, options);
  const Index rest = 100 + options.more_test;
  const Pictures both = cats + labelled(others.rows(0, 100), 0);
  const Pictures to_test = labelled(others.rows(100, rest), 0);
  result.others = labelled(others.rows(rest, others.size(0)), 0);
  const Tensor kinds = cast(Variable(both.labels), int64).value().reshape({-1});
  for (const auto& fold : data::k_fold(200, 5, {.seed = options.seed, .labels = kinds})) {
    result.training.push_back(both.chosen(fold.train));
    result.test.push_back(both.chosen(fold.validation) + to_test);
  }
  return result;
}

void draw_answers(plot::Panel& panel, const Pictures& pictures, const Tensor& probabilities,
                  std::size_t count) {
  const auto p = probabilities.span<float>(), labels = pictures.labels.span<float>();
  std::vector<std::size_t> wrong, cats, others;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const bool is_cat = labels[i] > 0.5F;
    ((p[i] > 0.5F) != is_cat ? wrong : is_cat ? cats : others).push_back(i);
  }
  std::vector<std::size_t> shown;
  const auto show = [&](const std::vector<std::size_t>& some, std::size_t most) {
    for (std::size_t k = 0; k < std::min(most, some.size()); ++k) shown.push_back(some[k]);
  };
  show(wrong, count / 2);
  const std::size_t mistakes = shown.size();
  show(cats, (count - mistakes) / 2);
  show(others, count - shown.size());

  plot::ImageOptions look{.columns = 6, .range = {0, 1}, .zoom = 1.25};
  if (pictures.images.size(3) == 1) look.map = plot::ColourMap::ink;
  std::vector<Variable> images;
  for (std::size_t k = 0; k < shown.size(); ++k) {
    const double cat = p[shown[k]];
    const long sure = std::lround(100 * std::max(cat, 1 - cat));
    look.captions.push_back((cat > 0.5 ? "cat, " : "no cat, ") + std::to_string(sure) + " %");
    look.caption_colours.push_back(k < mistakes ? "#c23b3b" : "#2c7a51");
    const auto row = static_cast<Index>(shown[k]);
    images.push_back(pictures.images.rows(row, row + 1));
  }
  panel.images(concat(images).value(), look);
}

}  // namespace example
