import numpy as np

from isthmus.data.photos import as_photos, give_back, write_photo
from isthmus.evaluation import before_after, psnr

rng = np.random.default_rng(0)
clean = np.add.outer(np.arange(60), np.arange(90)).astype(np.uint8)
noisy = (clean + rng.normal(0, 10, clean.shape)).clip(0, 255).astype(np.uint8)
write_photo("photos/a.png", noisy)
write_photo("photos/b.tif", rng.integers(0, 65536, (20, 30, 3)).astype(np.uint16))

photos = as_photos("photos")  # nothing but the headings is read
for name, size in zip(photos.names, photos.sizes, strict=True):
    print(name, size)

smooth = [np.repeat(photo.mean(axis=1, keepdims=True), photo.shape[1], 1).astype(photo.dtype) for photo in photos]
write_photo("smooth/a.png", smooth[0], like="photos/a.png")  # whole or not at all, with the same colour profile
given = give_back(smooth, "photos")

print(f"noisy {psnr(noisy, clean):.1f} dB, smooth {psnr(given[0][..., 0], clean):.1f} dB")
before_after(noisy, given[0][..., 0], clean).write_html("smooth.html")
