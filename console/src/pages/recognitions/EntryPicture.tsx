import { PictureOutlined } from "@ant-design/icons";
import { theme } from "antd";
import { useState } from "react";
import { pictureOf } from "./recognitions";

interface Properties {
  library: string;
  entry: string;
  alt: string;
  /** Side in pixels; without it the picture fills its place. */
  size?: number;
}

/** The picture of a logged face, or a placeholder once it is deleted. */
export function EntryPicture({ library, entry, alt, size }: Properties) {
  const { token } = theme.useToken();
  const [failed, setFailed] = useState<string | null>(null);
  const side = size ?? "100%";
  const style = { width: side, height: side, borderRadius: token.borderRadius, flex: "none" };
  if (failed === entry) {
    return (
      <span
        role="img"
        aria-label={alt}
        style={{ ...style, display: "inline-grid", placeItems: "center", background: token.colorFillSecondary }}
      >
        <PictureOutlined style={{ color: token.colorTextTertiary }} />
      </span>
    );
  }
  return (
    <img
      src={pictureOf(library, entry)}
      alt={alt}
      loading="lazy"
      onError={() => setFailed(entry)}
      style={{ ...style, display: "block", objectFit: "cover" }}
    />
  );
}
