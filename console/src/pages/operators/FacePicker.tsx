import { Button, Flex } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { PictureInput } from "../../common/PictureInput";

interface Properties {
  picture: Blob | null;
  onPicture: (picture: Blob | null) => void;
}

/** Takes a picture of a face, and shows it before it is sent. */
export function FacePicker({ picture, onPicture }: Properties) {
  const { t } = useTranslation("operators");
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    if (!picture) return setUrl(null);
    const made = URL.createObjectURL(picture);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [picture]);
  if (!picture) return <PictureInput onPicture={onPicture} />;
  return (
    <Flex vertical gap={8} align="center">
      {url && <img src={url} alt={t("face.preview")} style={{ maxWidth: "100%", maxHeight: 280, borderRadius: 6 }} />}
      <Button onClick={() => onPicture(null)}>{t("face.other")}</Button>
    </Flex>
  );
}
