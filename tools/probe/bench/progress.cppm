/// @file
/// How far a measurement has come, on standard error where a person looks at it.

module;

#include <string>
#include <string_view>

export module probe.bench.progress;

namespace probe::bench {

/// A line that is drawn again and again, and goes away at the end. Nothing where standard error is no terminal.
export class Progress {
  public:
    Progress();
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// Shows that `part`, from 0 to 1, of what `name` is for is done.
    void show(std::string_view name, double part);
    /// Takes the line away, so that other text can be written.
    void clear();

  private:
    bool is_shown_;
    std::string drawn_;
};

} // namespace probe::bench
