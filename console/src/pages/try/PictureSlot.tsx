import { Button, Flex, Spin } from "antd";
import { useTranslation } from "react-i18next";
import { PictureInput } from "../../common/PictureInput";
import { type Marked, PictureStage } from "../../common/PictureStage";

interface Properties {
  picture: Blob | null;
  /** `null`: the picture is taken away. */
  onPicture: (picture: Blob | null) => void;
  faces: Marked[];
  selected?: number | null;
  onSelect?: (index: number) => void;
  isBusy: boolean;
  /** Text of the area to drop on. */
  label?: string;
  takesPaste?: boolean;
}

/** Takes a picture; then shows it with its faces, and offers to take another. */
export function PictureSlot({ picture, onPicture, faces, selected, onSelect, isBusy, label, takesPaste }: Properties) {
  const { t } = useTranslation("try");
  if (!picture) return <PictureInput onPicture={onPicture} label={label} takesPaste={takesPaste} />;
  return (
    <Flex vertical gap={8}>
      <Spin spinning={isBusy} description={t("busy")}>
        <PictureStage
          picture={picture}
          faces={faces}
          selected={selected}
          onSelect={onSelect}
          alt={t("pictureAlt", { number: faces.length })}
        />
      </Spin>
      <Button onClick={() => onPicture(null)}>{t("another")}</Button>
    </Flex>
  );
}
