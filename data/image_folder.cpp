// ImageFolder. Invariant: the list of files is that of the moment of construction.
#include <xgrad/data/image_files.hpp>

#include <xgrad/data/whole_file.hpp>

#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <mutex>

namespace xgrad::data {

struct ImageFolder::Body {
  ImageFolderOptions options;
  std::vector<std::string> classes;
  std::vector<std::string> paths;
  std::vector<Index> labels;

  // The image that all others are compared with, once one was asked for: two threads may ask at once.
  mutable std::once_flag first_read;
  mutable std::size_t first = 0;
  mutable Shape shape;

  // Finds it: the first that can be read, whichever was asked for. Number `known` has `shape_of_known`.
  void read_first(std::size_t known, const Shape& shape_of_known) const {
    for (; first < known; ++first) {
      try {
        shape = read_image(paths[first], options.read).shape();
        return;
      } catch (const Error&) {
        // It says so when it is asked for itself.
      }
    }
    shape = shape_of_known;
  }
};

namespace {

namespace fs = std::filesystem;

bool is_image(const fs::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

// The names in a directory that do not begin with a dot and are of the kind, sorted.
template <class Kind>
std::vector<std::string> names_in(const std::string& directory, const Kind& kind) {
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator entry(directory, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (name[0] != '.' && kind(*entry)) names.push_back(std::move(name));
  }
  if (error)
    throw IoError(xgrad::detail::message_prefix() + "cannot read the directory", directory, error.value());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

ImageFolder::ImageFolder(const std::string& directory, const ImageFolderOptions& options, Place place) {
  const Scope scope("ImageFolder", place);
  const auto body = std::make_shared<Body>();
  body->options = options;
  std::error_code ignored;
  body->classes =
      names_in(directory, [&](const fs::directory_entry& entry) { return entry.is_directory(ignored); });
  if (body->classes.empty())
    fail<ValueError>(directory + " has no directories, of which each would be a class of images");
  for (std::size_t label = 0; label < body->classes.size(); ++label) {
    const std::string folder = (fs::path(directory) / body->classes[label]).string();
    const std::vector<std::string> names = names_in(folder, [&](const fs::directory_entry& entry) {
      return is_image(entry.path()) && entry.is_regular_file(ignored);
    });
    if (names.empty())
      fail<ValueError>("the class " + detail::quoted(body->classes[label]) + " is empty: " + folder +
                       " has no file that ends in .png, .jpg or .jpeg");
    for (const std::string& name : names) {
      body->paths.push_back((fs::path(folder) / name).string());
      body->labels.push_back(static_cast<Index>(label));
    }
  }
  body_ = body;
}

Index ImageFolder::size() const { return static_cast<Index>(body_->paths.size()); }
const std::vector<std::string>& ImageFolder::classes() const& { return body_->classes; }
const std::vector<std::string>& ImageFolder::paths() const& { return body_->paths; }
Tensor ImageFolder::labels() const { return Tensor::from(body_->labels); }

std::array<Tensor, 2> ImageFolder::get(Index i, Place place) const {
  const Scope scope("ImageFolder::get", place);
  if (i < 0 || i >= size())
    fail<IndexError>("example " + std::to_string(i) + " is outside [0, " + std::to_string(size()) + ")");
  const std::string& path = body_->paths[static_cast<std::size_t>(i)];
  Tensor image = read_image(path, body_->options.read);
  if (body_->options.equal_sizes) {
    std::call_once(body_->first_read, [&] { body_->read_first(static_cast<std::size_t>(i), image.shape()); });
    if (image.shape() != body_->shape)
      fail<ShapeError>("expects images of one size, got " + to_string(body_->shape) + " of " +
                           body_->paths[body_->first] + ", " + to_string(image.shape()) + " of " + path,
                       "resize them in a transform, with equal_sizes = false");
  }
  return {std::move(image), scalar(body_->labels[static_cast<std::size_t>(i)])};
}

}  // namespace xgrad::data
