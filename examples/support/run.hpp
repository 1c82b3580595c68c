// One run of an example program: the options that all have, the data, the model's file, pictures and figures.
#pragma once

#include <xgrad/io/file.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/plot/figure.hpp>
#include <xgrad/tensor/index.hpp>
#include <xgrad/train/run.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace example {

/// What a figure must be, and how it is shown.
struct Expected {
  std::optional<double> at_least = {};
  std::optional<double> at_most = {};
  std::string unit = "%";  ///< "%": 0.871 is shown as 87.10 %; any other, or none, follows the number
  int digits = 2;          ///< behind the point
};

struct Figure {
  std::string name;
  double value;
  Expected expected;

  /// NaN reaches nothing.
  [[nodiscard]] bool reached() const;
  /// "test accuracy 87.10 % (expected: at least 85 %)", or "(not reached: at least 85 %)".
  [[nodiscard]] std::string text() const;
};

/// A sentence that the run showed to be true or false.
struct Claim {
  std::string text;
  bool holds;
};

struct Run {
  std::string name;
  std::uint64_t seed = 1;
  xgrad::Index epochs = 0;
  int threads = 1;
  bool small = false;     ///< the setting of the tests: fewer examples, the same code
  bool no_check = false;  ///< a figure that is not reached does not change the exit status
  std::string load_path = {}, save_path = {}, report_path = {};  ///< empty: none
  std::string out = ".";                                         ///< directory of the pictures
  bool png = false;                                              ///< draw() makes PNG in place of SVG
  std::string data_word = {};     ///< --data as it was given; data() is the place
  std::string default_data = {};  ///< Setup::data

  std::vector<Figure> figures = {};
  std::vector<Claim> claims = {};
  std::vector<std::string> picture_paths = {};
  xgrad::StateDict saved_parts = {};  ///< of the models saved by name

  /// The first, with --small the second: run.choose(60'000, 500).
  template <class T>
  [[nodiscard]] T choose(T full, std::type_identity_t<T> in_small) const {
    return small ? in_small : full;
  }

  /// The place of the program's data: the path of --data, or what data_set() finds by that word. Throws when
  /// nothing is there, with the command that gets it.
  [[nodiscard]] std::string data() const;
  /// What tools/fetch has got: a data set's one file, else its directory. Throws when it is not there, with
  /// the command that gets it.
  [[nodiscard]] static std::string data_set(const std::string& set);

  /// With --load gives the model the weights of that file, says so, and returns true.
  bool load(xgrad::nn::Module& model) const;
  /// The same of one of several models that a file holds, by its name.
  bool load(xgrad::nn::Module& model, const std::string& part) const;
  /// With --save writes the model, in PyTorch's order of axes, and says so; the texts where the format keeps
  /// them (.safetensors).
  void save(const xgrad::nn::Module& model, const xgrad::io::Metadata& texts = {}) const;
  /// Adds the model to the file under that name.
  void save(const xgrad::nn::Module& model, const std::string& part);

  /// The path of a picture that the program is about to write: directory, name and the ending, which begins
  /// with what tells several apart: ".svg", "_filters.png". It is named at the end of the run.
  [[nodiscard]] std::string picture(const std::string& ending);

  /// Draws the figure into picture(ending), an .svg that --png makes a .png, and says so where gnuplot is
  /// missing.
  void draw(const xgrad::plot::Figure& figure, const std::string& ending = ".svg");

  /// What the run came to, printed at its end: run.figure("test accuracy", 0.871, {.at_least = 0.85}).
  void figure(std::string what, double value, Expected expected = {});
  /// A sentence in the program's output that must hold for the figures to count as reached.
  void claim(std::string sentence, bool holds);
  [[nodiscard]] bool reached() const;
};

/// Checkpoints of a training loop in `directory`, none where that is empty; the program says where it goes
/// on, and that a checkpoint could not be saved.
[[nodiscard]] xgrad::train::CheckpointOptions checkpoints(const std::string& directory, double seconds);

/// The run as one line of JSON, written to its report_path: name, data (the last part of its path), seed,
/// epochs, threads, small, interrupted, seconds, processor, version, figures, claims, pictures.
void write_report(const Run& run, double seconds);

/// Why a file cannot be written there; empty when it can.
[[nodiscard]] std::string unwritable(const std::string& path);

}  // namespace example
