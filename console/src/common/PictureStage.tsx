import { Alert, theme } from "antd";
import { useTranslation } from "react-i18next";
import { FaceMarks, type Marked } from "./FaceMarks";
import { useLoadedPicture } from "./loadedPicture";

export type { Marked } from "./FaceMarks";

interface Properties {
  picture: Blob;
  faces: Marked[];
  selected?: number | null;
  onSelect?: (index: number) => void;
  alt: string;
}

/** Most of the window's height that a picture takes, so that what is said of it stays in sight. */
const MOST_HEIGHT = "64vh";

/** A picture with boxes, landmarks and names drawn on it. Boxes are in pixels of the upright picture, as browsers show it. */
export function PictureStage({ picture, faces, selected, onSelect, alt }: Properties) {
  const { t } = useTranslation("picture");
  const { token } = theme.useToken();
  const loaded = useLoadedPicture(picture);
  if (loaded === "unreadable") return <Alert type="info" showIcon title={t("notShown")} />;
  if (!loaded) return null;
  const { image, width, height } = loaded;
  return (
    <div
      style={{
        position: "relative",
        width: `min(100%, calc(${MOST_HEIGHT} * ${width / height}))`,
        aspectRatio: `${width} / ${height}`,
        marginInline: "auto",
      }}
    >
      <img
        src={image.src}
        alt={alt}
        style={{ display: "block", width: "100%", height: "100%", borderRadius: token.borderRadius }}
      />
      <FaceMarks width={width} height={height} faces={faces} selected={selected} onSelect={onSelect} />
    </div>
  );
}
