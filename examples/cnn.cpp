// A convolutional network reads digits, or recognises clothes (--data fashion).
#include "support/digits.hpp"
#include "support/program.hpp"

#include <xgrad/train/curves.hpp>
#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>

using namespace xgrad;

// Two convolutions, normalised, and a pool that halves the image.
struct Stage : nn::Module {
  Stage(Index in, Index out)
      : conv1(in, out, {.kernel = 3, .padding = 1, .bias = false}), conv2(out, out, {.kernel = 3, .padding = 1, .bias = false}),
        norm1(out), norm2(out) {}
  Variable forward(const Variable& x) override { return pool(relu(norm2(conv2(relu(norm1(conv1(x))))))); }
  XGRAD_VISIT(conv1, norm1, conv2, norm2, pool)

  nn::Conv2d conv1, conv2;
  nn::BatchNorm2d norm1, norm2;
  nn::MaxPool2d pool{2};
};

struct Cnn : nn::Module {
  explicit Cnn(Index width) : stage1(1, width), stage2(width, 2 * width), hidden(7 * 7 * 2 * width, 128) {}
  /// Images (N, 28, 28, 1) to logits (N, 10).
  Variable forward(const Variable& x) override {
    return output(dropout(relu(hidden(flatten(stage2(stage1(x)))))));
  }
  XGRAD_VISIT(stage1, stage2, flatten, hidden, dropout, output)

  Stage stage1, stage2;
  nn::Flatten flatten{{.order = nn::FlattenOrder::pytorch}};
  nn::Linear hidden;
  nn::Dropout dropout{0.4};
  nn::Linear output{128, 10};
};
