import { useEffect, useState } from "react";

/** A picture that the browser has decoded. Sizes are in pixels of the upright picture. */
export interface LoadedPicture {
  image: HTMLImageElement;
  width: number;
  height: number;
}

/** Decodes a picture. `null`: not yet; `"unreadable"`: the browser can't show it, such as a TIFF. */
export function useLoadedPicture(picture: Blob | null): LoadedPicture | "unreadable" | null {
  const [loaded, setLoaded] = useState<{ of: Blob; as: LoadedPicture | "unreadable" } | null>(null);
  useEffect(() => {
    if (!picture) return;
    const url = URL.createObjectURL(picture);
    const image = new Image();
    image.onload = () =>
      setLoaded({ of: picture, as: { image, width: image.naturalWidth, height: image.naturalHeight } });
    image.onerror = () => setLoaded({ of: picture, as: "unreadable" });
    image.src = url;
    return () => {
      image.onload = null;
      image.onerror = null;
      URL.revokeObjectURL(url);
    };
  }, [picture]);
  return loaded && loaded.of === picture ? loaded.as : null;
}
