// Pictures of cats and of other things: photographs, or drawings.
#pragma once

#include <xgrad/data/dataset.hpp>
#include <xgrad/data/sampler.hpp>
#include <xgrad/plot/figure.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace example {

struct Pictures {
  xgrad::Tensor images;  ///< float32 (N, 64, 64, channels), from 0 to 1
  xgrad::Tensor labels;  ///< float32 (N, 1): 1 is a cat

  [[nodiscard]] xgrad::Index size() const { return images.size(0); }
  /// Both tensors' rows.
  [[nodiscard]] Pictures chosen(const xgrad::Tensor& rows) const;
  [[nodiscard]] auto dataset() const { return xgrad::data::TensorDataset(images, labels); }
  /// Draws so many, cats as often as others, whatever there is of each.
  [[nodiscard]] xgrad::data::Sampler balanced(xgrad::Index samples) const;
  /// With one channel: of three their luminance.
  [[nodiscard]] Pictures grey() const;
};

/// Those of both, one after another.
[[nodiscard]] Pictures operator+(const Pictures& a, const Pictures& b);

struct Cats {
  bool photographs = false;
  std::vector<Pictures> training, test;  ///< of five trials
  Pictures others;                       ///< drawings that are in no trial, none of a cat
  double same_answer = 0.5;              ///< accuracy in the test of who says the same of all pictures
};

struct CatsOptions {
  xgrad::Index kinds = 344;      ///< of other drawings, at most
  xgrad::Index each = 30;        ///< drawings of each
  xgrad::Index more_test = 480;  ///< others besides the hundred, to test with in all trials
  std::uint64_t seed = 0;
};

/// A directory with train_catvnoncat.h5 and test_catvnoncat.h5 has photographs, the same in all trials. Else
/// it has KIND.ndjson.gz, one of them cat: a hundred cats and a hundred others, in five folds, each of which
/// is for testing in one trial. Throws IoError, FormatError; NotImplementedError on photographs where the
/// library was built without HDF5.
[[nodiscard]] Cats read_cats(const std::string& directory, const CatsOptions& options = {});

/// Pictures with the answers to them as captions, wrong ones first and in red, right ones in green.
/// `probabilities` of a cat are (N, 1).
void draw_answers(xgrad::plot::Panel& panel, const Pictures& pictures, const xgrad::Tensor& probabilities,
                  std::size_t count = 24);

}  // namespace example
