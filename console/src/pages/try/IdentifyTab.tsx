import { Alert, Button, Flex, Typography } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Schema } from "../../api/client";
import { FailurePanel, Loaded, Nothing } from "../../common/states";
import { identify } from "./acts";
import { AsProgram } from "./AsProgram";
import type { Identification } from "./dialects/types";
import { FoundFaces } from "./FoundFaces";
import { LibraryChoice } from "./LibraryChoice";
import { marksOf } from "./marks";
import { PictureSlot } from "./PictureSlot";
import { ThresholdChoice } from "./ThresholdChoice";
import { TwoColumns } from "./TwoColumns";
import { chosenOf, useLibraries } from "./useLibraries";
import { useRun } from "./useRun";

interface Properties {
  faces: Schema<"Faces">;
  picture: Blob | null;
  onPicture: (picture: Blob | null) => void;
  libraryIds: string[];
  onLibraryIds: (ids: string[]) => void;
}

/** Who is in a picture: the largest face (1:N), or all (M:N). */
export function IdentifyTab(properties: Properties) {
  const { t } = useTranslation("try");
  const libraries = useLibraries();
  return (
    <Loaded query={libraries}>
      {({ items }) =>
        items.length > 0 ? (
          <Searching {...properties} libraries={items} />
        ) : (
          <Nothing text={t("libraries.nothing")}>
            <Link to="/libraries">{t("libraries.create")}</Link>
          </Nothing>
        )
      }
    </Loaded>
  );
}

function Searching({ faces, picture, onPicture, libraryIds, onLibraryIds, libraries }: Properties & { libraries: Schema<"ShownLibrary">[] }) {
  const { t } = useTranslation("try");
  const { result, failure, isBusy, run, clear } = useRun<Identification>();
  const [threshold, setThreshold] = useState<number | null>(null);
  const [selected, setSelected] = useState(0);
  const [isStale, setIsStale] = useState(false);

  const search = () => {
    if (!picture) return;
    setIsStale(false);
    setSelected(0);
    const terms = { libraries: chosenOf(libraries, libraryIds), threshold, faces };
    run((signal) => identify(picture, terms, signal));
  };
  // A new picture is searched at once; other terms when the user asks.
  useEffect(() => {
    if (picture) search();
    else clear();
  }, [picture]);
  const changed = <Value,>(change: (value: Value) => void) => (value: Value) => {
    change(value);
    setIsStale(result !== null);
  };

  const marked = result ? marksOf(result, t("match.unknown"), t("match.nameless")) : [];
  return (
    <Flex vertical gap={24}>
      <Flex gap={16} wrap align="end">
        <LibraryChoice libraries={libraries} value={libraryIds} onChange={changed(onLibraryIds)} />
        <ThresholdChoice hasOwn value={threshold} onChange={changed(setThreshold)} />
        <Button type={isStale ? "primary" : "default"} disabled={!picture} loading={isBusy} onClick={search}>
          {t("again")}
        </Button>
      </Flex>
      <TwoColumns
        left={
          <PictureSlot
            picture={picture}
            onPicture={onPicture}
            isBusy={isBusy}
            selected={marked.length > 1 ? selected : null}
            onSelect={setSelected}
            faces={marked}
          />
        }
        right={
          <Flex vertical gap={16}>
            {failure ? <FailurePanel failure={failure} onRetry={search} /> : null}
            {isStale && <Alert type="info" showIcon title={t("stale")} />}
            {!result && !failure && (
              <Typography.Text type="secondary">
                {t(isBusy ? "busy" : faces === "all" ? "group.hint" : "who.hint")}
              </Typography.Text>
            )}
            {result && picture && (
              <FoundFaces
                key={result.at}
                picture={picture}
                act={result}
                libraries={libraries}
                selected={selected}
                onSelect={setSelected}
              />
            )}
          </Flex>
        }
      />
      {result && <AsProgram act={result} />}
    </Flex>
  );
}
